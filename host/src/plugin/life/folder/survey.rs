//! What the system says of the plugins' files, behind whatever links: enough to tell
//! that one has changed, without reading any.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::path::Path;

use super::names::{plugin_of, warn_of_name};
use crate::plugin::life::files::Files;

/// What the system says of one file. Two contents have two stamps, unless somebody
/// takes pains that they have not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    identity: Identity,
    bytes: u64,
    /// When the content changed and, where the system says it, when anything of the
    /// file did: seconds and nanoseconds.
    times: [(i64, i64); 2],
}

/// Which file or folder it is: its device and its number on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64);

/// The stamps of a plugin's files; none where there is no file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamps {
    component: Option<Stamp>,
    manifest: Option<Stamp>,
}

/// All plugins of a folder.
#[derive(Debug)]
pub(super) struct Survey {
    /// Which folder it was.
    pub(super) folder: Identity,
    pub(super) plugins: BTreeMap<String, Stamps>,
}

impl Stamp {
    fn of(file: &Path) -> Option<Self> {
        // What cannot be looked at is told by whoever reads it.
        std::fs::metadata(file)
            .ok()
            .map(|metadata| Self::from(&metadata))
    }
}

#[cfg(unix)]
impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self {
            identity: Identity(metadata.dev(), metadata.ino()),
            bytes: metadata.len(),
            times: [
                (metadata.mtime(), metadata.mtime_nsec()),
                (metadata.ctime(), metadata.ctime_nsec()),
            ],
        }
    }
}

#[cfg(not(unix))]
impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        let since = |time: io::Result<std::time::SystemTime>| {
            let since = time.ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
            Some((
                i64::try_from(since.as_secs()).ok()?,
                i64::from(since.subsec_nanos()),
            ))
        };
        let modified = since(metadata.modified()).unwrap_or_default();
        let created = since(metadata.created()).unwrap_or_default();
        Self {
            identity: Identity(0, 0),
            bytes: metadata.len(),
            times: [modified, created],
        }
    }
}

impl Stamps {
    pub(crate) fn of(files: &Files) -> Self {
        Self {
            component: Stamp::of(&files.component),
            manifest: Stamp::of(&files.manifest),
        }
    }

    /// Whether there is neither file.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn has_component(&self) -> bool {
        self.component.is_some()
    }
}

impl Survey {
    /// Looks at the folder and at each file. Blocks on the disk.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(super) fn take(folder: &Path) -> io::Result<Self> {
        let identity = Stamp::from(&std::fs::metadata(folder)?).identity;
        let mut plugins = BTreeMap::new();
        for entry in std::fs::read_dir(folder)? {
            if let Some(plugin) = plugin_of(&entry?.path()) {
                let files = Files::of(folder, &plugin);
                plugins.entry(plugin).or_insert_with(|| Stamps::of(&files));
            }
        }
        Ok(Self {
            folder: identity,
            plugins,
        })
    }
}

/// Warns of every component in the folder whose name is none.
pub(super) fn warn_of_names(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if plugin_of(&entry.path()).is_none() {
            warn_of_name(&entry.path());
        }
    }
}
