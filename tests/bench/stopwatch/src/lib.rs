//! What the processes of a benchmark over the network do alike, whatever carries
//! their events: one of them publishes, the others receive, and the benchmark tells
//! each of them what to do by a line on stdin and hears of it by a line on stdout.
//!
//! Every event says in its first bytes which one it is and when it was sent. So that
//! every receiver can tell that nothing is missing, nothing came twice and all is in
//! order, and how long it took: the processes share one machine and so one clock.

pub mod clock;
pub mod log;
pub mod role;
pub mod sleep;
mod stamp;

pub use log::{Append, Consume, LogClient, LogTask, Logged};
pub use role::{Answer, Arrival, Publish, Receive, Task};

/// What goes wrong is only told, never handled.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
