//! What the suites stand on.

pub mod api;
pub mod authored;
pub mod balancer;
pub mod bombs;
pub mod certificates;
pub mod cluster;
pub mod collected;
#[cfg(target_os = "linux")]
pub mod disk;
pub mod engines;
pub mod events;
pub mod gate;
pub mod guests;
pub mod handmade;
pub mod languages;
pub mod lines;
pub mod load;
#[cfg(target_os = "linux")]
pub mod namespaces;
pub mod neighbour;
pub mod node;
pub mod nodes;
pub mod peer;
pub mod plugin;
pub mod process;
pub mod roaming;
pub mod web_socket;

use std::io::Write;
use std::time::Duration;

/// Bounds every wait of a test that has gone wrong. Nothing is expected to take
/// so long, on whatever machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// The same for what compiles, perhaps after others that compile.
pub const COMPILED: Duration = Duration::from_secs(900);

/// Pause between two looks at something that is not announced by an event.
pub const POLL: Duration = Duration::from_millis(10);

/// Says that tests are left out for want of something that this machine does not have.
pub fn lacking(what: &str) {
    // Not by `eprintln!`, of which nothing is seen when a test passes.
    let _ = writeln!(std::io::stderr(), "LEFT OUT: there are {what}");
}
