//! Why a mailbox takes or gives no more.

/// Why a mailbox gives no more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The receiver was closed; what had been queued has been received.
    #[error("the receiver is closed")]
    Done,
    /// The receiver was too slow and its rule is [`Overflow::Disconnect`](super::Overflow::Disconnect).
    #[error("the receiver was too slow: {dropped} events were dropped")]
    Overflowed {
        /// Events that were queued or arriving when the mailbox overflowed.
        dropped: u64,
    },
}

/// Who delivers by filters that are no more has to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bus) struct Outdated {
    /// How many of the events had been taken before.
    pub(in crate::bus) taken: usize,
}
