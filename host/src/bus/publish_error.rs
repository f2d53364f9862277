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
    /// The channel does not exist.
    #[error("there is no channel `{0}`")]
    NoSuchChannel(String),
}
