//! Several nodes, each in a process of its own.

mod crashes;
mod events;
mod joining;
#[cfg(target_os = "linux")]
mod namespaces;
mod partitions;
pub mod plugins;
mod refusals;
mod slow;
mod stops;
mod tls;
mod upgrade;
pub mod wishes;
