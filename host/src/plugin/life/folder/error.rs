//! Why the plugins folder cannot be used.

use std::io;
use std::path::PathBuf;

/// Why the plugins folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made or read.
    #[error("cannot use the plugins folder {}: {source}", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be watched.
    #[error("cannot watch the plugins folder {}: {source}", path.display())]
    Unwatchable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: notify::Error,
    },
}
