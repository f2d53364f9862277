//! Why no plugin was made.

use std::io;
use std::path::PathBuf;

use super::name::NameError;
use crate::authoring::build::BuildError;

/// Why no plugin was made. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// The plugin cannot be called so.
    #[error("`{name}` is no name for a plugin: {source}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// There is something at that place.
    #[error("{} exists: choose another name or folder", .0.display())]
    Exists(PathBuf),
    /// A file or folder cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Cargo does not accept the crate.
    #[error(transparent)]
    Cargo(#[from] BuildError),
}
