//! What can be wrong with what is asked of `hearken sessions`.

use crate::access::SignError;
use crate::session::ChannelNameError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum SessionsCommandError {
    /// Nobody signs the tokens of sessions.
    #[error(
        "the configuration does not say who signs the tokens of sessions: name an \
         `[access.tokens.NAME]` with a `hmac_secret_file` as `sessions.token`"
    )]
    NoIssuer,
    /// A time that is none.
    #[error("`--ttl {given}`: {problem}; write how long the token is valid, e.g. `1h`")]
    Ttl {
        /// What was written.
        given: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No channel has that name.
    #[error("`--channel`: {0}")]
    Channel(#[from] ChannelNameError),
    /// The token cannot be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl SessionsCommandError {
    /// Whether the command line makes no sense.
    pub(in crate::cli) fn is_senseless(&self) -> bool {
        !matches!(self, Self::Sign(_))
    }
}
