//! What a channel is set to: what its engine holds to, and what the room adds.

use std::collections::BTreeMap;
use std::time::Duration;

use hearken_channel_log::{Discard, LogSettings};

use super::field::{FieldPath, IndexName};
use super::reader::Reader;

/// Where channels lie in the data folder of a node.
pub const CHANNELS_FOLDER: &str = "channels";

/// Bytes that a channel keeps unless told.
pub const DEFAULT_MAX_BYTES: u64 = 1 << 30;

/// How long an id is remembered unless told.
pub const DEFAULT_DEDUPE: Duration = Duration::from_secs(120);

/// Readers of a channel whose unread events are kept.
pub const MAX_KEPT: usize = 64;

/// What the names of channels of dead letters begin with. Only the node lays events into
/// those: what it says of an event there is believed.
pub const OF_DEAD_LETTERS: &str = "dead.";

/// Indexes of a channel: each is looked into for every event.
pub const MAX_INDEXES: usize = 16;

/// What keeps a channel's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineKind {
    /// Files in the data folder.
    #[default]
    Disk,
    /// Memory, whose channels are gone when the node ends.
    Memory,
}

/// All that a channel is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelSettings {
    /// What the engine holds to.
    pub log: LogSettings,
    /// Whose unread events are not dropped to make room; at most [`MAX_KEPT`].
    pub keep_unread: Vec<Reader>,
    /// Fields of the data by which events are found; at most [`MAX_INDEXES`].
    pub indexes: BTreeMap<IndexName, FieldPath>,
    /// What keeps the log; never changes.
    pub engine: EngineKind,
    /// Node that the channel lies on; never changes. `None` on whichever makes it.
    pub node: Option<String>,
}

impl EngineKind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Memory => "memory",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Disk, Self::Memory]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// The word for what happens to a channel that is full.
#[must_use]
pub const fn discard_word(discard: Discard) -> &'static str {
    match discard {
        Discard::Oldest => "oldest",
        Discard::Refuse => "refuse",
    }
}

/// Reads that word.
#[must_use]
pub fn discard_of(word: &str) -> Option<Discard> {
    [Discard::Oldest, Discard::Refuse]
        .into_iter()
        .find(|discard| discard_word(*discard) == word)
}

impl Default for ChannelSettings {
    fn default() -> Self {
        Self {
            log: LogSettings {
                max_events: None,
                max_bytes: DEFAULT_MAX_BYTES,
                max_age: None,
                discard: Discard::Oldest,
                dedupe: DEFAULT_DEDUPE,
            },
            keep_unread: Vec::new(),
            indexes: BTreeMap::new(),
            engine: EngineKind::default(),
            node: None,
        }
    }
}
