//! Why an event is not published.

use crate::event::DraftError;

/// Why an event was not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// An attribute is not valid.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The event is larger than the node allows.
    #[error("the event has {bytes} bytes; this node takes at most {limit}")]
    TooLarge {
        /// Size of the encoded event.
        bytes: usize,
        /// The node's limit.
        limit: usize,
    },
    /// The event is for a channel, which has to keep it first.
    #[error(
        "the event names the channel `{0}`, which takes it only from those that can wait until it \
         is stored"
    )]
    OfChannel(String),
}
