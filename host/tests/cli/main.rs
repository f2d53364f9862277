//! The commands, run as a user runs them: those that ask a node against a server that
//! answers as a node does.

mod access;
mod cluster;
mod events;
mod failures;
mod nodes;
mod plugins;
mod sessions;
mod support;
