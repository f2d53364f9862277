//! Appending.

use bytes::Bytes;

use crate::{ChannelName, Epoch, StorageFault};

/// What the log must be like for an append to happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// As it likes.
    #[default]
    Any,
    /// Its newest event has this number.
    Last {
        /// And it is this log.
        epoch: Option<Epoch>,
        /// The number; 0 before the first event.
        last: u64,
    },
}

/// What became of an append. It is on disk, where the engine has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Which log it is in.
    pub epoch: Epoch,
    /// Number of the newest event of the log once this was stored.
    pub last: u64,
    /// What became of each event, in the order of the batch.
    pub events: Vec<AppendedEvent>,
}

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendedEvent {
    /// Its number; of a duplicate that of the event that was stored first.
    pub sequence: u64,
    /// When it was recorded, in milliseconds since the Unix epoch; of a duplicate when
    /// the first was.
    pub time: u64,
    /// The event as it was stored, with its number and time; nothing for a duplicate.
    pub stored: Option<Bytes>,
}

impl AppendedEvent {
    /// Whether an event with the same key was stored before, so that this was not.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        self.stored.is_none()
    }
}

/// What is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FullBecause {
    /// The channel, whose settings refuse more.
    Channel,
    /// The channel, and its oldest events are kept for who has not read them.
    Kept,
    /// The node's channels together.
    Node,
    /// The disk.
    Disk,
}

/// Why nothing was appended; with [`AppendError::Unknown`] it may have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// There is no such channel.
    #[error("there is no channel `{0}`")]
    NoChannel(ChannelName),
    /// The position belongs to another log.
    #[error("the position belongs to another log: this one's epoch is {epoch}")]
    AnotherLog {
        /// Which log there is.
        epoch: Epoch,
    },
    /// The newest event has another number.
    #[error("the last event of the channel has the number {last}, not the expected one")]
    Conflict {
        /// Its number.
        last: u64,
    },
    /// There is no room.
    #[error("{}", full(*.0))]
    Full(FullBecause),
    /// The channel could not even hold this batch alone.
    #[error("the batch has {bytes} bytes, more than the channel may have (max_bytes is {most})")]
    TooLarge {
        /// Bytes that it takes in storage.
        bytes: u64,
        /// Bytes that the channel may have.
        most: u64,
    },
    /// Which numbers the channel has given is not known, since its newest events are
    /// damaged.
    #[error(
        "the newest events of the channel are damaged; see `hearken channel verify` and `hearken channel repair`"
    )]
    Damaged,
    /// Too many appends wait for the disk.
    #[error("too many appends are waiting for the disk; nothing was stored, try again later")]
    Overloaded,
    /// The storage failed before; nothing was stored.
    #[error("nothing was stored: {0}")]
    StorageFailed(StorageFault),
    /// The storage failed while it stored this: it may be there after the next start. Who
    /// sends it again with the same key has it stored once.
    #[error("it is not known whether this was stored: {0}")]
    Unknown(StorageFault),
}

fn full(because: FullBecause) -> &'static str {
    match because {
        FullBecause::Channel => {
            "the channel is full, and its setting `discard` is \"refuse\"; nothing was stored"
        }
        FullBecause::Kept => {
            "the channel is full, and its oldest events are kept for readers named in `keep_unread`; nothing was stored"
        }
        FullBecause::Node => {
            "the channels of this node have as many bytes as `channels.max_bytes` allows; nothing was stored"
        }
        FullBecause::Disk => "the disk is full; nothing was stored",
    }
}
