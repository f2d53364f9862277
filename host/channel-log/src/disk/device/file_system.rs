//! The machine's disk.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{Device, DeviceFile, Entry, Open};

/// Files synced at once: measured, more gain nothing.
const PARALLEL_SYNCS: usize = 8;
/// The first write to a place that was allocated has the file system note that it was. A sync
/// waits for that note, and in ext4 for what other files have written before it: twice the time
/// of a sync of what is written over something.
const WRITES_AHEAD: u64 = 1 << 20;

/// Which part of the files that may be open is used to write segments.
#[cfg(unix)]
const WRITABLE_PART: u64 = 4;
/// How many that are at most.
#[cfg(unix)]
const MAX_WRITABLE: usize = 4096;

/// The machine's disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSystem;

impl Device for FileSystem {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn DeviceFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(how != Open::Read);
        match how {
            Open::Read | Open::Write | Open::Recover => {}
            Open::New => drop(options.create_new(true)),
            Open::Alone => drop(options.create(true).truncate(false)),
        }
        let file = options.open(path)?;
        if how == Open::Alone {
            file.try_lock().map_err(|error| match error {
                TryLockError::WouldBlock => io::Error::new(
                    io::ErrorKind::ResourceBusy,
                    "another process has it open; stop that one first",
                ),
                TryLockError::Error(error) => error,
            })?;
        }
        if matches!(how, Open::Recover | Open::Alone) {
            forget_cached(&file)?;
        }
        Ok(Arc::new(RealFile(file)))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }

    #[cfg(unix)]
    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    /// Where folders are no files, the system makes their changes durable by itself.
    #[cfg(not(unix))]
    fn sync_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // Nothing of ours has another name.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let metadata = entry.metadata()?;
            entries.push(Entry {
                name,
                folder: metadata.is_dir(),
                bytes: metadata.len(),
            });
        }
        Ok(entries)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    #[cfg(unix)]
    fn room(&self, folder: &Path) -> u64 {
        match rustix::fs::statvfs(folder) {
            // Some file systems know nothing of it.
            Ok(system) if system.f_blocks > 0 => system.f_bavail.saturating_mul(system.f_frsize),
            _ => u64::MAX,
        }
    }

    fn parallel_syncs(&self) -> usize {
        PARALLEL_SYNCS
    }

    fn writes_ahead(&self) -> u64 {
        WRITES_AHEAD
    }

    /// A part of what the process may have open, which sockets and files for reading take
    /// too.
    #[cfg(unix)]
    fn writable_files(&self) -> usize {
        use rustix::process::{Resource, getrlimit};
        let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let part = usize::try_from(most / WRITABLE_PART).unwrap_or(usize::MAX);
        part.clamp(1, MAX_WRITABLE)
    }
}

/// After a sync that failed, the system takes the pages for written and would show them,
/// though the disk has never had them.
#[cfg(target_os = "linux")]
fn forget_cached(file: &File) -> io::Result<()> {
    Ok(rustix::fs::fadvise(
        file,
        0,
        None,
        rustix::fs::Advice::DontNeed,
    )?)
}

#[cfg(not(target_os = "linux"))]
fn forget_cached(_file: &File) -> io::Result<()> {
    Ok(())
}

#[derive(Debug)]
struct RealFile(File);

impl DeviceFile for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.0, out, at)
    }

    #[cfg(windows)]
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.0, out, at)
    }

    #[cfg(unix)]
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(&self.0, bytes, at)
    }

    #[cfg(windows)]
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_write(&self.0, bytes, at)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        match rustix::fs::fallocate(&self.0, rustix::fs::FallocateFlags::empty(), 0, bytes) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {}
            result => return Ok(result?),
        }
        let zeros = vec![0; 1 << 20];
        let mut at = self.len()?;
        while at < bytes {
            let rest = usize::try_from(bytes - at).unwrap_or(usize::MAX);
            super::write_fully(self, at, &zeros[..rest.min(zeros.len())])?;
            at = self.len()?;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
