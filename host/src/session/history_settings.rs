//! How much of a channel is kept in memory.

use std::time::Duration;

/// How much of a channel is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistorySettings {
    /// Publications; at least 1.
    pub size: usize,
    /// How long all of them are kept when no other follows.
    pub ttl: Duration,
    /// How long the position is kept when nobody publishes or reads; not less than `ttl`.
    pub meta_ttl: Duration,
}
