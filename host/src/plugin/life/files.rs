//! Where a plugin's files are.

use std::path::{Path, PathBuf};

/// Where a plugin's files are.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) component: PathBuf,
    pub(crate) manifest: PathBuf,
}

impl Files {
    /// The files of a plugin in the plugins folder.
    pub(crate) fn of(folder: &Path, plugin: &str) -> Self {
        Self {
            component: folder.join(format!("{plugin}.wasm")),
            manifest: folder.join(format!("{plugin}.toml")),
        }
    }
    /// Whether there is something to load. Blocks on the disk.
    pub(crate) fn has_component(&self) -> bool {
        self.component.exists()
    }
}
