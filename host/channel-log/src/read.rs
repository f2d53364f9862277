//! Reading.

use bytes::Bytes;

use crate::{ChannelName, Epoch, Span, StorageFault};

/// How much is read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimit {
    /// Most events; at least 1 is taken for it.
    pub events: usize,
    /// Most bytes of their encodings, but for the first event.
    pub bytes: usize,
}

impl Default for ReadLimit {
    fn default() -> Self {
        Self {
            events: 1000,
            bytes: 1 << 20,
        }
    }
}

/// Events that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Which log they are from.
    pub epoch: Epoch,
    /// The events in their wire encoding, ascending; none when there is none behind the
    /// position.
    pub events: Vec<Bytes>,
    /// The position after which to go on.
    pub next: u64,
    /// Number of the newest event of the log.
    pub last: u64,
    /// Numbers behind the position and before the events that are not kept any more.
    pub gap: Option<Span>,
}

/// Why nothing was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no such channel.
    #[error("there is no channel `{0}`")]
    NoChannel(ChannelName),
    /// The next events are no longer what was written. Who reads after the last of them
    /// passes them over.
    #[error(
        "the events with the numbers {0} are damaged; those behind can be read, see `hearken channel verify`"
    )]
    Damaged(Span),
    /// Too many reads wait for the disk.
    #[error("too many reads are waiting for the disk; try again later")]
    Overloaded,
    /// The storage failed.
    #[error("the channel cannot be read: {0}")]
    Storage(StorageFault),
}
