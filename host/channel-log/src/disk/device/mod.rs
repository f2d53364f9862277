//! What the files lie on: the seam at which simulations bring disks that fail.

mod file_system;
mod unreadable;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use file_system::FileSystem;
pub use unreadable::unreadable;
pub(super) use unreadable::{Readable, can_be_extended, read_into, read_what_can_be};

/// A disk with folders and files. What was written is there after a crash only once it was
/// synced; a file that was made or renamed is found after a crash only once its folder was.
pub trait Device: Debug + Send + Sync + 'static {
    /// Opens a file.
    ///
    /// # Errors
    /// What the disk says.
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn DeviceFile>>;

    /// Makes a folder, unless it is there.
    ///
    /// # Errors
    /// What the disk says.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes durable which files and folders are in a folder.
    ///
    /// # Errors
    /// What the disk says.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// What is in a folder, in no order.
    ///
    /// # Errors
    /// What the disk says.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the disk says.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty folder.
    ///
    /// # Errors
    /// What the disk says.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;

    /// Bytes that are free for files in a folder, as far as that is known.
    fn room(&self, _folder: &Path) -> u64 {
        u64::MAX
    }

    /// How many files may be synced at once with profit.
    fn parallel_syncs(&self) -> usize;

    /// How many bytes of zeros are written with profit where something will be written later:
    /// 0 where that takes no longer the first time that a place is written than the next.
    fn writes_ahead(&self) -> u64 {
        0
    }

    /// How many files may be held open to be written: each of so many channels can be
    /// written for some time before it is synced.
    fn writable_files(&self) -> usize {
        256
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// To read it.
    Read,
    /// To read and write it.
    Write,
    /// To read and write it after a start: what the system holds of it in memory is dropped
    /// where it can be, so that what is read is what the disk has.
    Recover,
    /// As a new one, which must not be there.
    New,
    /// As a new one or, like [`Open::Recover`], the one that is there, which nobody else may
    /// have open.
    Alone,
}

/// What is in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the folder.
    pub name: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// How long the file is.
    pub bytes: u64,
}

/// An open file.
pub trait DeviceFile: Debug + Send + Sync + 'static {
    /// How long it is.
    ///
    /// # Errors
    /// What the disk says.
    fn len(&self) -> io::Result<u64>;

    /// Whether it is empty.
    ///
    /// # Errors
    /// What the disk says.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|bytes| bytes == 0)
    }

    /// Reads some bytes at an offset; none at the end.
    ///
    /// # Errors
    /// What the disk says.
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize>;

    /// Writes some of the bytes at an offset, at least one.
    ///
    /// # Errors
    /// What the disk says.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Makes it so long; what is new reads as zeros.
    ///
    /// # Errors
    /// What the disk says.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// Makes it at least so long, and takes the room for that from the disk now rather
    /// than when it is written; what is new reads as zeros.
    ///
    /// # Errors
    /// What the disk says, above all that it is full.
    fn allocate(&self, bytes: u64) -> io::Result<()>;

    /// Makes durable what was written, and how long the file is.
    ///
    /// # Errors
    /// What the disk says. The file must not be written or synced again then: the disk may
    /// have lost what was written and say nothing the next time.
    fn sync(&self) -> io::Result<()>;
}

/// Reads as many bytes as there are room for, or until the end; returns how many.
pub(super) fn read_fully(file: &dyn DeviceFile, at: u64, out: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < out.len() {
        match file.read_at(at + done as u64, &mut out[done..]) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all of the bytes.
pub(super) fn write_fully(file: &dyn DeviceFile, at: u64, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write_at(at + done as u64, &bytes[done..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the disk, or what may be used of it, is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Whether too many files are open, of this process or of all.
pub(super) fn is_short_of_files(error: &io::Error) -> bool {
    #[cfg(unix)]
    let short = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    #[cfg(unix)]
    let short = short.map(rustix::io::Errno::raw_os_error);
    // ERROR_TOO_MANY_OPEN_FILES.
    #[cfg(not(unix))]
    let short = [4];
    error
        .raw_os_error()
        .is_some_and(|error| short.contains(&error))
}
