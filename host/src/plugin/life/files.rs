//! Where a plugin's files are.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::script::{Language, PROJECT, TEXT_EXTENSIONS};

/// Where a plugin's files are.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// The plugins folder.
    pub(crate) folder: PathBuf,
    /// What the plugin may be: of these, the one that is there.
    candidates: Vec<PathBuf>,
    pub(crate) manifest: PathBuf,
}

/// What there is of a plugin's file.
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

/// A plugin is in more than one file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} and {} are two plugins with one name: rename or remove one",
    first.display(),
    second.display()
)]
pub(crate) struct TwoOfOneName {
    pub(crate) first: PathBuf,
    pub(crate) second: PathBuf,
}

impl Files {
    /// The files of a plugin in the plugins folder.
    pub(crate) fn of(folder: &Path, plugin: &str) -> Self {
        let extensions = ["wasm"].into_iter().chain(TEXT_EXTENSIONS);
        let beside = extensions.map(|extension| folder.join(format!("{plugin}.{extension}")));
        let within = main_files(&folder.join(plugin));
        Self {
            candidates: beside.chain(within).collect(),
            manifest: folder.join(format!("{plugin}.toml")),
            folder: folder.to_owned(),
        }
    }

    /// The files of the plugin that this file is, whatever lies beside it.
    pub(crate) fn of_file(file: &Path) -> Self {
        let folder = file.parent().unwrap_or(Path::new(""));
        let is_main = file.file_stem().is_some_and(|stem| stem == "main");
        let (folder, manifest) = match (is_main, folder.parent()) {
            (true, Some(outer)) if Self::is_text(file) => (outer, folder.with_extension("toml")),
            _ => (folder, file.with_extension("toml")),
        };
        Self {
            folder: folder.to_owned(),
            candidates: vec![file.to_owned()],
            manifest,
        }
    }

    fn is_text(file: &Path) -> bool {
        language_of(file).is_text()
    }

    /// The file by which it is spoken of, whether it is there or not.
    pub(crate) fn named(&self) -> &Path {
        self.candidates.first().unwrap_or(&self.manifest)
    }

    /// The files that there are, of which there should be one. Blocks on the disk.
    pub(crate) fn found(&self) -> impl Iterator<Item = &PathBuf> {
        self.candidates
            .iter()
            .filter(|file| file.exists() && !self.is_of_a_project(file))
    }

    /// Whether a file is the beginning of a project, which a node takes when it has been built.
    fn is_of_a_project(&self, file: &Path) -> bool {
        let own = file.parent().filter(|own| *own != self.folder);
        self.candidates.len() > 1 && own.is_some_and(is_project)
    }

    /// The file that the plugin is; what it would be if there is none. Blocks on the disk.
    ///
    /// # Errors
    /// [`TwoOfOneName`] when it could be either of two.
    pub(crate) fn artifact(&self) -> Result<&Path, TwoOfOneName> {
        let mut found = self.found();
        match (found.next(), found.next()) {
            (Some(first), Some(second)) => Err(TwoOfOneName {
                first: first.clone(),
                second: second.clone(),
            }),
            (Some(only), None) => Ok(only),
            (None, _) => Ok(self.leading_nowhere().unwrap_or_else(|| self.named())),
        }
    }

    /// A link to what is not there. Blocks on the disk.
    fn leading_nowhere(&self) -> Option<&Path> {
        let mut links = self.candidates.iter().filter(|file| file.is_symlink());
        links.next().map(PathBuf::as_path)
    }

    /// What there is of the plugin. Blocks on the disk.
    pub(crate) fn presence(&self) -> Presence {
        let mut named = (self.candidates.iter())
            .filter(|file| !self.is_of_a_project(file))
            .map(|file| file.symlink_metadata());
        let is_missing = named.all(|named| {
            named.is_err_and(|error| {
                // A folder of the plugin's name is not there, or is a file.
                matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
            })
        });
        let is_folder = || self.folder.as_os_str().is_empty() || self.folder.is_dir();
        if is_missing && is_folder() {
            Presence::Removed
        } else if self.found().next().is_some() {
            Presence::There
        } else {
            Presence::Unreachable
        }
    }
}

/// Whether a folder is a project: its tools make the plugin of it.
pub(crate) fn is_project(folder: &Path) -> bool {
    folder.join(PROJECT).is_file()
}

/// The source map beside a text, if it was made of others.
pub(crate) fn map_of(text: &Path) -> PathBuf {
    let mut map = text.as_os_str().to_owned();
    map.push(".map");
    map.into()
}

/// What a folder must have one of to be a plugin.
pub(crate) fn main_files(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let folder = folder.to_owned();
    TEXT_EXTENSIONS
        .into_iter()
        .map(move |extension| folder.join(format!("main.{extension}")))
}

/// What a file is written in, by its name.
pub(crate) fn language_of(file: &Path) -> Language {
    let extension = file.extension().and_then(|extension| extension.to_str());
    extension
        .and_then(Language::of_extension)
        .unwrap_or(Language::Component)
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
        let component = folder.join("a.wasm");
        #[cfg(unix)]
        {
            let target = root.path().join("target");
            std::os::unix::fs::symlink(&target, &component).unwrap();
            assert_eq!(files.presence(), Presence::Unreachable, "a link to nothing");
            let text = folder.join("b.ts");
            std::os::unix::fs::symlink(&target, &text).unwrap();
            let linked = Files::of(&folder, "b");
            assert_eq!(
                linked.artifact(),
                Ok(text.as_path()),
                "it is told by its name"
            );
            std::fs::write(&target, "").unwrap();
            assert_eq!(files.presence(), Presence::There);
            std::fs::remove_file(&component).unwrap();
        }
        std::fs::write(&component, "").unwrap();
        assert_eq!(files.presence(), Presence::There);
    }

    #[test]
    fn a_plugin_is_one_file_of_its_name_or_the_main_file_of_its_folder() {
        let root = tempfile::tempdir().unwrap();
        let files = Files::of(root.path(), "a");
        let write = |name: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            path
        };
        assert_eq!(files.artifact(), Ok(root.path().join("a.wasm").as_path()));
        let main = write("a/main.ts");
        assert_eq!(files.artifact(), Ok(main.as_path()));
        assert_eq!(files.presence(), Presence::There);
        let script = write("a.mjs");
        let two = files.artifact().unwrap_err();
        assert_eq!((&two.first, &two.second), (&script, &main));
        let told = two.to_string();
        assert!(told.contains("a.mjs") && told.contains("main.ts"), "{told}");
        assert_eq!(Files::of_file(&script).artifact(), Ok(script.as_path()));
        write("a/package.json");
        assert_eq!(
            files.artifact(),
            Ok(script.as_path()),
            "it is built to this"
        );
        let alone = Files::of_file(&main);
        assert_eq!(alone.folder, root.path());
        assert_eq!(alone.manifest, root.path().join("a.toml"));
    }
}
