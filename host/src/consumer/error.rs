//! Why a consumer does not do what operators ask.

use hearken_channel_log::CellError;

use super::kept::KeptError;
use crate::channel::{AnotherLog, NoChannel, ReadFailure};

/// Why a consumer does not do what operators ask.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConsumerFailure {
    /// There is no such channel on this node.
    #[error(transparent)]
    NoChannel(#[from] NoChannel),
    /// The plugin has never consumed it.
    #[error("the plugin `{plugin}` does not consume the channel `{channel}`")]
    NoConsumer {
        /// The plugin.
        plugin: String,
        /// The channel.
        channel: String,
    },
    /// The plugin consumes it now.
    #[error(
        "the plugin `{plugin}` listens to the channel `{channel}` now; remove the plugin, or its \
         listener, first"
    )]
    InUse {
        /// The plugin.
        plugin: String,
        /// The channel.
        channel: String,
    },
    /// The position is behind the end.
    #[error("the position {after} is beyond the last event, whose number is {last}")]
    Beyond {
        /// The position.
        after: u64,
        /// Number of the last event.
        last: u64,
    },
    /// The position is one of another log.
    #[error(transparent)]
    AnotherLog(#[from] AnotherLog),
    /// What is kept for it is damaged.
    #[error("{0}")]
    Kept(String),
    /// Where it is cannot be read or written.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// The dead letters cannot be read.
    #[error("the dead letters cannot be read: {0}")]
    Read(#[from] ReadFailure),
}

impl From<KeptError> for ConsumerFailure {
    fn from(error: KeptError) -> Self {
        Self::Kept(error.to_string())
    }
}
