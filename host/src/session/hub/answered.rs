//! What is answered to whoever publishes, once or again.

use std::sync::Arc;

use crate::session::history::Position;

/// What is answered to whoever publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) struct Answered {
    /// The event's id.
    pub(in crate::session) id: Arc<str>,
    /// When it was taken, in milliseconds since the Unix epoch.
    pub(in crate::session) time: u64,
    /// Its place in the history, if it is in one.
    pub(in crate::session) position: Option<Position>,
}
