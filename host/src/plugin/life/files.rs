//! Where a plugin's files are.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where a plugin's files are.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) component: PathBuf,
    pub(crate) manifest: PathBuf,
}

/// What there is of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Something that can be looked at.
    There,
    /// Nothing for the moment, behind a link or because the folder is away or cannot be
    /// looked at.
    Unreachable,
    /// Nothing: the folder is there, and no file or link of its name.
    Removed,
}

impl Files {
    /// The files of a plugin in the plugins folder.
    pub(crate) fn of(folder: &Path, plugin: &str) -> Self {
        Self {
            component: folder.join(format!("{plugin}.wasm")),
            manifest: folder.join(format!("{plugin}.toml")),
        }
    }

    /// What there is of the component. Blocks on the disk.
    pub(crate) fn presence(&self) -> Presence {
        let named = self.component.symlink_metadata();
        let is_missing = named.is_err_and(|error| error.kind() == ErrorKind::NotFound);
        let is_folder = || self.component.parent().is_none_or(Path::is_dir);
        if is_missing && is_folder() {
            Presence::Removed
        } else if self.component.exists() {
            Presence::There
        } else {
            Presence::Unreachable
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_from_a_folder_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("plugins");
        let files = Files::of(&folder, "a");
        assert_eq!(files.presence(), Presence::Unreachable, "no folder");
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(files.presence(), Presence::Removed);
        #[cfg(unix)]
        {
            let target = root.path().join("target");
            std::os::unix::fs::symlink(&target, &files.component).unwrap();
            assert_eq!(files.presence(), Presence::Unreachable, "a link to nothing");
            std::fs::write(&target, "").unwrap();
            assert_eq!(files.presence(), Presence::There);
            std::fs::remove_file(&files.component).unwrap();
        }
        std::fs::write(&files.component, "").unwrap();
        assert_eq!(files.presence(), Presence::There);
    }
}
