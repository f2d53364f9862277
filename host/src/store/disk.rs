//! What the database lies on.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use redb::backends::{FileBackend, InMemoryBackend};
use redb::{Builder, Database, DatabaseError};

/// What a database lies on; the seam at which tests bring disks that fail.
pub trait Disk: Debug + Send + 'static {
    /// Opens the database, or makes it if there is none.
    ///
    /// # Errors
    /// What the disk says, or that another process has the database open.
    fn open(&self, builder: &Builder) -> Result<Database, DatabaseError>;

    /// Opens the database again after it failed; makes none.
    ///
    /// # Errors
    /// As [`Disk::open`], and when there is no database any more.
    fn reopen(&self, builder: &Builder) -> Result<Database, DatabaseError>;
}

/// A file.
#[derive(Debug)]
pub(super) struct FileDisk(PathBuf);

impl FileDisk {
    pub(super) fn new(file: &Path) -> Self {
        Self(file.to_owned())
    }
}

impl Disk for FileDisk {
    fn open(&self, builder: &Builder) -> Result<Database, DatabaseError> {
        builder.create(&self.0)
    }

    fn reopen(&self, builder: &Builder) -> Result<Database, DatabaseError> {
        builder.create_with_backend(FileBackend::new(existing(&self.0)?)?)
    }
}

/// Opens a file of which nothing but what the disk holds may be believed.
pub(super) fn existing(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    if file.metadata()?.len() == 0 {
        // The database would be made anew in it, and the records be gone in silence.
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file is empty; put a copy of it back, or remove it and start the node again",
        ));
    }
    // After a sync that failed, the system takes the pages for written and would
    // show them, though the disk has never had them: a repair must see the disk.
    #[cfg(target_os = "linux")]
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    Ok(file)
}

/// Memory: for who needs a store only while it runs.
#[derive(Debug)]
pub(super) struct MemoryDisk;

impl Disk for MemoryDisk {
    fn open(&self, builder: &Builder) -> Result<Database, DatabaseError> {
        builder.create_with_backend(InMemoryBackend::new())
    }

    fn reopen(&self, builder: &Builder) -> Result<Database, DatabaseError> {
        self.open(builder)
    }
}
