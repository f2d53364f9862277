//! Who publishes, and what the node adds to what they do.

use std::sync::Arc;

use super::mailbox::PublisherId;

/// Who publishes, as the bus sees it.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// Source of events whose draft names none.
    pub(super) source: Arc<str>,
    /// What a filter excludes.
    pub(super) id: Arc<str>,
    /// What mailboxes tell publishers apart by.
    pub(super) number: PublisherId,
}

/// An id that the node gives.
pub(super) fn id(prefix: &str, serial: u64) -> String {
    [prefix, itoa::Buffer::new().format(serial)].concat()
}

/// What the node added to a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamped {
    /// Ends the id that the node gave, if it gave one.
    pub(super) serial: Option<u64>,
    /// Milliseconds since the Unix epoch.
    pub(super) time: u64,
}
