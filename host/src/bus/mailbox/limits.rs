//! How much a mailbox holds, and what happens when that is not enough.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How much a mailbox holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxLimits {
    /// Events; at least 1.
    pub events: usize,
    /// Bytes of encoded events; an event larger than that is dropped on arrival.
    pub bytes: usize,
}

impl MailboxLimits {
    /// Whether so many events of so many bytes keep within the limits of a batch, whose
    /// first event is taken at any size.
    pub(super) fn allow(self, events: usize, bytes: usize) -> bool {
        events <= 1 || (events <= self.events && bytes <= self.bytes)
    }
}

impl Default for MailboxLimits {
    /// 1,024 events and 8 MiB.
    fn default() -> Self {
        Self {
            events: 1024,
            bytes: 8 << 20,
        }
    }
}

/// What happens when an event does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// The events that have waited longest make room: those of the publisher
    /// that takes most of what is short, events or bytes, so that a flood
    /// displaces only itself.
    #[default]
    DropOldest,
    /// The new event is dropped.
    DropNewest,
    /// The mailbox is emptied and closed.
    Disconnect,
}

/// Most events that are dropped, or dealt to other partitions, at once.
pub(super) const STEP: usize = 16;

/// Largest event that waits in a frame; larger ones wait as they are, shared with all
/// others who get them.
pub(super) const MAX_FRAMED_BYTES: usize = 8 << 10;
