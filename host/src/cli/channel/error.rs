//! Why a command on a channel fails by itself.

use std::path::PathBuf;

use crate::channel::SettingsError;

/// Why a command on a channel fails.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ChannelCommandError {
    /// A flag has a value that makes no sense.
    #[error("--{flag} {value:?}: {reason}")]
    Flag {
        flag: &'static str,
        value: String,
        reason: String,
    },
    /// The settings make no sense.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Some of its events are damaged.
    #[error(
        "events of the channel `{0}` are damaged; `hearken channel repair {0} --accept-loss` gives \
         them up, and nothing else does"
    )]
    Damaged(String),
    /// The files of a stopped node cannot be used.
    #[error("the channels in {} cannot be used: {reason}", data.display())]
    Data { data: PathBuf, reason: String },
}

impl ChannelCommandError {
    /// Whether the command line makes no sense.
    pub(in crate::cli) fn is_senseless(&self) -> bool {
        matches!(self, Self::Flag { .. } | Self::Settings(_))
    }
}
