//! What the system says of the plugins' files, behind whatever links: enough to tell
//! that one has changed, without reading any.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::DirEntry;
use std::io;
use std::path::{Path, PathBuf};

use super::names::{Whose, folder_s_plugin, warn_of_name, warn_of_project, whose};
use crate::plugin::code::stamp::{Identity, Stamp};
use crate::plugin::life::files::{Files, is_project, language_of, main_files, map_of};
use crate::script::{Language, PACKAGES_MARK, TextFile, text_file};

/// The stamps of a plugin's files; none where there is no file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamps {
    /// What the plugin is, and the texts in its own folder.
    artifacts: BTreeMap<PathBuf, Stamp>,
    /// What else belongs to them: source maps, and what says which packages were got.
    maps: BTreeMap<PathBuf, Stamp>,
    manifest: Option<Stamp>,
}

/// All plugins of a folder.
#[derive(Debug)]
pub(super) struct Survey {
    /// Which folder it was.
    pub(super) folder: Identity,
    pub(super) plugins: BTreeMap<String, Stamps>,
    /// The texts that plugins may share.
    pub(super) shared: Shared,
    /// The folders in it that are plugins, or may become some.
    pub(super) folders: BTreeSet<PathBuf>,
}

/// The texts that plugins may share, and their stamps.
pub(super) type Shared = BTreeMap<PathBuf, Option<Stamp>>;

/// Most folders within the folder that are looked into; what is beyond is not followed.
const MAX_FOLDERS: usize = 1024;

/// Most files of one of them that are looked at.
const MAX_FILES: usize = 4096;

impl Stamps {
    /// Blocks on the disk.
    pub(crate) fn of(files: &Files) -> Self {
        let mut stamps = Self::default();
        for found in files.found() {
            match found.parent() {
                Some(own) if own != files.folder => stamps.add_texts(own),
                _ => {
                    stamps.add_map(map_of(found));
                    stamps.add(found.clone());
                }
            }
        }
        stamps.manifest = Stamp::of(&files.manifest);
        stamps
    }

    fn add(&mut self, file: PathBuf) {
        if let Some(stamp) = Stamp::of(&file) {
            self.artifacts.insert(file, stamp);
        }
    }

    fn add_map(&mut self, file: PathBuf) {
        if let Some(stamp) = Stamp::of(&file) {
            self.maps.insert(file, stamp);
        }
    }

    /// The texts of a folder that is a plugin.
    fn add_texts(&mut self, folder: &Path) {
        texts_in(folder).into_iter().for_each(|text| self.add(text));
        self.add_map(folder.join(PACKAGES_MARK));
    }

    /// Leaves out source maps without their text: they say nothing, and are nobody's.
    fn leave_strays_out(&mut self) {
        let artifacts = &self.artifacts;
        self.maps.retain(|map, _| {
            let is_map = map.extension() == Some(OsStr::new("map"));
            !is_map || artifacts.contains_key(&map.with_extension(""))
        });
    }

    /// Whether there is no file.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn has_artifact(&self) -> bool {
        !self.artifacts.is_empty()
    }

    /// The languages that the plugin may be written in: one, unless it is two of one name.
    pub(super) fn languages(&self) -> impl Iterator<Item = Language> {
        self.artifacts.keys().map(|file| language_of(file))
    }
}

impl Survey {
    /// Looks at the folder and at each file. Blocks on the disk.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(super) fn take(folder: &Path) -> io::Result<Self> {
        let mut survey = Self {
            folder: Stamp::from(&std::fs::metadata(folder)?).identity(),
            plugins: BTreeMap::new(),
            shared: Shared::new(),
            folders: BTreeSet::new(),
        };
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            match whose(folder, &path) {
                Some(Whose::Shared) => {
                    let stamp = Stamp::of(&path);
                    survey.shared.insert(path, stamp);
                }
                Some(Whose::Plugin(plugin)) => {
                    let stamps = survey.plugins.entry(plugin).or_default();
                    let extension = path.extension().unwrap_or_default();
                    if extension == OsStr::new("toml") {
                        stamps.manifest = Stamp::of(&path);
                    } else if extension == OsStr::new("map") {
                        stamps.add_map(path);
                    } else {
                        stamps.add(path);
                    }
                }
                None => survey.look_into(&entry, path),
            }
        }
        survey.plugins.retain(|_, stamps| {
            stamps.leave_strays_out();
            !stamps.is_empty()
        });
        Ok(survey)
    }

    /// Looks whether what is in the folder is a folder that is a plugin.
    fn look_into(&mut self, entry: &DirEntry, path: PathBuf) {
        let is_folder = entry
            .file_type()
            .is_ok_and(|kind| kind.is_dir() || kind.is_symlink() && path.is_dir());
        if !is_folder || self.folders.len() >= MAX_FOLDERS {
            return;
        }
        let Some(plugin) = folder_s_plugin(&path) else {
            return;
        };
        let texts = texts_in(&path);
        if !is_project(&path) && main_files(&path).any(|main| texts.contains(&main)) {
            let stamps = self.plugins.entry(plugin).or_default();
            texts.into_iter().for_each(|text| stamps.add(text));
            stamps.add_map(path.join(PACKAGES_MARK));
        }
        self.folders.insert(path);
    }
}

/// The texts of plugins in a folder of their own, as far as it can be read.
fn texts_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.take(MAX_FILES).map(|entry| entry.file_name());
    let texts = names.filter(|name| {
        let text = text_file(name.to_str().unwrap_or_default());
        text.is_some_and(|text| text != TextFile::Ignored)
    });
    texts.map(|name| folder.join(name)).collect()
}

/// Warns of every plugin in the folder whose name is none.
pub(super) fn warn_of_names(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if whose(folder, &path).is_none() {
            warn_of_name(&path);
            warn_of_project(folder, &path);
        }
    }
}
