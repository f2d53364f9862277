//! Several nodes, each in a process of its own.

mod crashes;
mod events;
mod joining;
mod partitions;
pub mod plugins;
mod refusals;
mod slow;
mod stops;
mod tls;
mod upgrade;
