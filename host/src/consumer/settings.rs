//! How a plugin consumes a channel.

use std::time::Duration;

/// Most events of a [`ConsumeSettings::window`].
pub const MAX_WINDOW: usize = 1024;

/// Most bytes of the events of a consumer that are in memory, but for the last of them.
pub(super) const MAX_BYTES: usize = 16 << 20;

/// Where a plugin begins that has not consumed the channel before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// With the oldest event that is kept.
    #[default]
    First,
    /// With the first event that is appended later.
    New,
    /// With the event behind this number.
    After(u64),
}

/// How a plugin consumes a channel: `[consume.NAME]` of its manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumeSettings {
    /// Where it begins if it has not consumed the channel before; with the oldest event by
    /// default.
    pub from: From,
    /// Attempts with an event until it becomes a dead letter, 1 or more; 8 by default.
    pub attempts: u32,
    /// Between the first attempt and the second, doubled for each further one; 1 s by
    /// default.
    pub backoff: Duration,
    /// Most that is waited between two attempts; 5 min by default.
    pub max_backoff: Duration,
    /// Events from the oldest that is not handled on which the plugin may get, 1 to
    /// [`MAX_WINDOW`]; 1,024 by default. What its filters do not match is not counted.
    pub window: usize,
    /// Whether an event becomes a dead letter when it is rejected or its attempts are used
    /// up, as by default. Otherwise it is tried for ever.
    pub dead_letters: bool,
}

impl Default for ConsumeSettings {
    fn default() -> Self {
        Self {
            from: From::First,
            attempts: 8,
            backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(300),
            window: MAX_WINDOW,
            dead_letters: true,
        }
    }
}
