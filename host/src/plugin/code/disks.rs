//! Which threads wait for what: each place that may be mounted from elsewhere, and so may
//! hang by itself, has its own.

use std::time::Duration;

use rayon::ThreadPoolBuildError;

use super::disk::Disk;

/// How many read components, and as many again the cache of code: enough to keep a disk busy.
const BUSY: usize = 4;

/// How many look at what takes a moment: one, and another while that one hangs.
const LOOKING: usize = 2;

/// How long reading a component may take, the largest over a slow network.
const COMPONENT_WITHIN: Duration = Duration::from_secs(60);

/// How long a look at the plugins folder may take: of one with a thousand plugins on a slow
/// network, all of it.
const FOLDER_WITHIN: Duration = Duration::from_secs(30);

/// How long reading a secret may take.
const SECRET_WITHIN: Duration = Duration::from_secs(10);

/// How long the largest code may take to be read, or to be written and synced.
const CODE_WITHIN: Duration = Duration::from_secs(60);

/// The threads that wait for the disk.
#[derive(Clone, Debug)]
pub(crate) struct Disks {
    /// Read components and manifests.
    pub(crate) components: Disk,
    /// Look at what is in the plugins folder without reading it: what is gone goes, however
    /// long others are read.
    pub(crate) folder: Disk,
    /// Read secrets, which lie anywhere.
    pub(crate) secrets: Disk,
    /// Read and write compiled code in the data folder.
    pub(crate) code: Disk,
}

impl Disks {
    /// Starts all threads.
    ///
    /// # Errors
    /// When one cannot be started.
    pub(crate) fn start() -> Result<Self, ThreadPoolBuildError> {
        Ok(Self {
            components: Disk::start("component", BUSY, COMPONENT_WITHIN)?,
            folder: Disk::start("folder", LOOKING, FOLDER_WITHIN)?,
            secrets: Disk::start("secret", LOOKING, SECRET_WITHIN)?,
            code: Disk::start("code", BUSY, CODE_WITHIN)?,
        })
    }
}
