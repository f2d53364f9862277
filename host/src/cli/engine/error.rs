//! Why there is no other engine of a language.

use std::io;

use crate::plugin::AddEngineError;
use crate::script::Language;

/// Why there is no other engine.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum EngineCommandError {
    /// Nothing is known to get it from.
    #[error(
        "this version of Hearken knows of no engine of {} to get: name one with `--from FILE|URL`",
        .0.title()
    )]
    Nowhere(Language),
    /// It cannot be got.
    #[error("cannot get {url}: {reason}")]
    Get {
        /// From where.
        url: String,
        /// Why not.
        reason: String,
    },
    /// There is no room for what is got.
    #[error("cannot write a temporary file: {0}")]
    Temporary(io::Error),
    /// It cannot be added.
    #[error(transparent)]
    Add(#[from] AddEngineError),
}
