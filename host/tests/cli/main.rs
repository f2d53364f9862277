//! The commands that ask a node, run as a user runs them, against a server that
//! answers as a node does.

mod events;
mod failures;
mod nodes;
mod plugins;
mod support;
