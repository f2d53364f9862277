//! What was made.

use std::path::PathBuf;

/// A crate or a project that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaffolded {
    /// Its name, and so the plugin's.
    pub name: String,
    /// Its folder.
    pub dir: PathBuf,
    /// Its files, relative to the folder.
    pub files: Vec<&'static str>,
}
