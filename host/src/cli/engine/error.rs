//! Why there is no other engine of a language.

use std::io;

use crate::authoring::MakeEngineError;
use crate::plugin::AddEngineError;

/// Why there is no other engine.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum EngineCommandError {
    /// It cannot be made.
    #[error(transparent)]
    Make(#[from] MakeEngineError),
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
