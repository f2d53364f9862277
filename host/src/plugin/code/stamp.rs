//! What the system says of a file: enough to tell that it has changed, without reading it.

use std::fs::Metadata;
#[cfg(not(unix))]
use std::io;
use std::path::Path;

/// What the system says of one file. Two contents have two stamps, unless somebody
/// takes pains that they have not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    identity: Identity,
    bytes: u64,
    /// When the content changed and, where the system says it, when anything of the
    /// file did: seconds and nanoseconds.
    times: [(i64, i64); 2],
}

/// Which file or folder it is: its device and its number on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity(u64, u64);

impl Stamp {
    /// That of a file, behind whatever links; none if it cannot be looked at, which whoever
    /// reads it is told. Blocks on the disk.
    pub(crate) fn of(file: &Path) -> Option<Self> {
        std::fs::metadata(file)
            .ok()
            .map(|metadata| Self::from(&metadata))
    }

    /// Which file or folder it is of.
    pub(crate) fn identity(&self) -> Identity {
        self.identity
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
