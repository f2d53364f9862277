//! What is known of a channel, and why one cannot be made or changed.

use crate::{ChannelName, Epoch, LogSettings, SettingsError, Span, StorageFault};

/// The numbers of the events that a log keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Number of the oldest event that is kept, one more than `last` when none is.
    pub first: u64,
    /// Number of the newest event that ever was, 0 before the first.
    pub last: u64,
}

/// What is known of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInfo {
    /// Its name.
    pub name: ChannelName,
    /// Which log this is.
    pub epoch: Epoch,
    /// Number of the oldest event that is kept, one more than `last` when none is.
    pub first: u64,
    /// Number of the newest event that ever was, 0 before the first.
    pub last: u64,
    /// Bytes that its events take in storage.
    pub bytes: u64,
    /// Whether it works.
    pub state: ChannelState,
    /// How much it keeps.
    pub settings: LogSettings,
    /// What retention does not drop, see [`Engine::keep`](crate::Engine::keep).
    pub kept_from: Option<u64>,
    /// Number of the last event that was damaged and given up, 0 where none behind `first` was.
    pub given_up: u64,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created: u64,
}

/// Whether a channel works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelState {
    /// It does.
    Ok,
    /// Its storage failed: what is stored can be read, nothing can be appended until the
    /// node starts again.
    Failed {
        /// What the storage said.
        why: StorageFault,
    },
    /// Some events are no longer what was written. They are not handed out; the others are.
    Damaged {
        /// Their numbers, ascending.
        ranges: Vec<Span>,
    },
}

/// What an engine has counted since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Appends that stored something.
    pub appends: u64,
    /// Events that were stored.
    pub events: u64,
    /// Bytes of their encodings.
    pub bytes: u64,
    /// Groups of appends that were made durable together.
    pub groups: u64,
    /// Microseconds spent on making them durable.
    pub sync_micros: u64,
    /// Keys that are remembered now.
    pub dedupe_keys: u64,
    /// Keys that gave way to others before their time.
    pub dedupe_given_way: u64,
    /// Files that the journal has now.
    pub journal_files: u64,
}

/// Why a channel was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// There is one of that name.
    #[error("there is a channel `{0}` already")]
    Exists(ChannelName),
    /// The node has as many as it may have.
    #[error("the node has {0} channels, the most that `channels.max_channels` allows")]
    TooMany(usize),
    /// The settings cannot be honoured.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Too much waits for the storage; the channel was not made.
    #[error("too many changes of channels wait for the disk; try again later")]
    Overloaded,
    /// The storage failed; the channel may be there after the next start.
    #[error("the channel could not be made: {0}")]
    Storage(StorageFault),
}

/// Why a channel's settings were not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no such channel.
    #[error("there is no channel `{0}`")]
    NoChannel(ChannelName),
    /// The settings cannot be honoured.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Too much waits for the storage; nothing was changed.
    #[error("too many changes of channels wait for the disk; try again later")]
    Overloaded,
    /// The storage failed; the change may be there after the next start.
    #[error("the channel could not be changed: {0}")]
    Storage(StorageFault),
}

/// Why something else was not done to a channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// There is no such channel.
    #[error("there is no channel `{0}`")]
    NoChannel(ChannelName),
    /// Too much waits for the storage; nothing was done.
    #[error("too much that concerns channels waits for the disk; try again later")]
    Overloaded,
    /// The storage failed.
    #[error("the storage of channels failed: {0}")]
    Storage(StorageFault),
}
