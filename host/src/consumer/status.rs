//! How a consumer stands, for operators.

use hearken_channel_log::{ChannelName, Epoch};

/// How a consumer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerStatus {
    /// The plugin.
    pub plugin: String,
    /// The channel.
    pub channel: ChannelName,
    /// Which log of that name; nothing while it has no place in one.
    pub epoch: Option<Epoch>,
    /// Number before the oldest event that is not handled yet.
    pub after: u64,
    /// Events that the plugin has in hand.
    pub in_flight: usize,
    /// Numbers behind `after` that there are.
    pub lag: u64,
    /// Why it gets no events, where that is not for the plugin to change: there is no such
    /// channel here, or it cannot be read.
    pub waiting: Option<String>,
    /// The oldest of its events that has failed.
    pub stalled: Option<Stalled>,
    /// Events that became dead letters.
    pub dead: u64,
    /// Dead letters that it was given again.
    pub retried: u64,
    /// Numbers that were dropped before it had handled them, and events that the policy
    /// withholds from its listeners.
    pub missed: u64,
}

/// An event on which a consumer hangs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stalled {
    /// Its number.
    pub sequence: u64,
    /// Attempts that have failed; 0 for an event that cannot be read.
    pub attempt: u32,
    /// Why the last did.
    pub reason: String,
    /// When the next comes, in milliseconds since the Unix epoch; nothing while one runs,
    /// and for an event that cannot be read.
    pub next_attempt: Option<u64>,
}
