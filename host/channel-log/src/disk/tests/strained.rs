//! The machine's disk, on which happens what a test wants.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::disk::device::{Device, DeviceFile, Entry, FileSystem, Open};

/// What is asked of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Open,
    Read,
    Write,
    /// So many bytes.
    Allocate(u64),
    Sync,
}

type Hook = Arc<dyn Fn(Asked, &Path) -> io::Result<()> + Send + Sync>;

/// The machine's disk, on which happens what a test wants.
#[derive(Clone)]
pub(super) struct Strained(Arc<Inner>);

struct Inner {
    hook: Mutex<Hook>,
    /// Files that are open, and that may be.
    open: AtomicUsize,
    most_open: AtomicUsize,
    writable_files: usize,
}

impl fmt::Debug for Strained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Strained")
    }
}

impl Strained {
    /// One on which the engine may hold so many segments open to write them.
    pub(super) fn new(writable_files: usize) -> Self {
        Self(Arc::new(Inner {
            hook: Mutex::new(Arc::new(|_, _| Ok(()))),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(usize::MAX),
            writable_files,
        }))
    }

    /// Does this before whatever is asked for, which then fails as this does.
    pub(super) fn before(
        &self,
        hook: impl Fn(Asked, &Path) -> io::Result<()> + Send + Sync + 'static,
    ) {
        *self.0.hook.lock().unwrap() = Arc::new(hook);
    }

    /// Has everything work again.
    pub(super) fn work(&self) {
        self.before(|_, _| Ok(()));
    }

    /// Allows so many more files to be open than there are.
    pub(super) fn allow_more_open(&self, files: usize) {
        self.allow_open(self.open().saturating_add(files));
    }

    /// Allows so many files to be open.
    pub(super) fn allow_open(&self, files: usize) {
        self.0.most_open.store(files, Ordering::SeqCst);
    }

    /// How many files are open.
    pub(super) fn open(&self) -> usize {
        self.0.open.load(Ordering::SeqCst)
    }

    fn ask(&self, asked: Asked, path: &Path) -> io::Result<()> {
        let hook = Arc::clone(&*self.0.hook.lock().unwrap());
        hook(asked, path)
    }
}

impl Device for Strained {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn DeviceFile>> {
        self.ask(Asked::Open, path)?;
        if self.open() >= self.0.most_open.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(TOO_MANY_FILES));
        }
        let file = FileSystem.open(path, how)?;
        self.0.open.fetch_add(1, Ordering::SeqCst);
        Ok(Arc::new(StrainedFile {
            disk: self.clone(),
            path: path.to_owned(),
            file,
        }))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        FileSystem.create_folder(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        FileSystem.sync_folder(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        FileSystem.list(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        FileSystem.remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        FileSystem.remove_folder(path)
    }

    fn parallel_syncs(&self) -> usize {
        FileSystem.parallel_syncs()
    }

    fn writable_files(&self) -> usize {
        self.0.writable_files
    }
}

/// What the system says when a process may open no more.
const TOO_MANY_FILES: i32 = if cfg!(windows) { 4 } else { 24 };

#[derive(Debug)]
struct StrainedFile {
    disk: Strained,
    path: PathBuf,
    file: Arc<dyn DeviceFile>,
}

impl DeviceFile for StrainedFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        self.disk.ask(Asked::Read, &self.path)?;
        self.file.read_at(at, out)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        self.disk.ask(Asked::Write, &self.path)?;
        self.file.write_at(at, bytes)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.disk.ask(Asked::Allocate(bytes), &self.path)?;
        self.file.allocate(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.ask(Asked::Sync, &self.path)?;
        self.file.sync()
    }
}

impl Drop for StrainedFile {
    fn drop(&mut self) {
        self.disk.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}
