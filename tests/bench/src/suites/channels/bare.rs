//! The limit of the disk: a loop that writes records and syncs, and does nothing else.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hearken_bench_stopwatch::{Append, Error, LogClient};
use tokio::time::Instant;

use super::session::Session;
use super::{Contender, RECORD};

/// How long the file is, that is written again and again: as long as a journal's.
const LENGTH: u64 = 64 << 20;

pub(super) struct Bare;

impl Contender for Bare {
    fn name(&self) -> &'static str {
        "limit/write-fdatasync"
    }

    fn start(&self, _: Option<&Path>) -> Result<Session, String> {
        let folder = tempfile::tempdir_in(".").map_err(|error| error.to_string())?;
        let writer = Writer::new(folder.path()).map_err(|error| error.to_string())?;
        let count = writer.count();
        Ok(Session::here(writer, count, folder))
    }
}

/// A file whose blocks are all written, so that a sync has nothing but data to write.
fn filled(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.create_new(true).write(true).open(path)?;
    let zeros = vec![0; 1 << 20];
    for at in (0..LENGTH).step_by(zeros.len()) {
        file.write_all_at(&zeros, at)?;
    }
    file.sync_all()?;
    Ok(file)
}

/// Writes over and over.
pub(super) struct Writer {
    file: File,
    at: u64,
    syncs: Arc<AtomicU64>,
}

impl Writer {
    /// A new file in that folder.
    pub(super) fn new(folder: &Path) -> std::io::Result<Self> {
        Ok(Self {
            file: filled(&folder.join("bare"))?,
            at: 0,
            syncs: Arc::default(),
        })
    }

    /// Counts its syncs.
    pub(super) fn count(&self) -> impl Fn() -> u64 + 'static {
        let syncs = Arc::clone(&self.syncs);
        move || syncs.load(Ordering::Relaxed)
    }

    /// Writes and syncs.
    pub(super) fn write(&mut self, records: &[u8]) -> std::io::Result<()> {
        if self.at + records.len() as u64 > LENGTH {
            self.at = 0;
        }
        self.file.write_all_at(records, self.at)?;
        self.file.sync_data()?;
        self.at += records.len() as u64;
        self.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl LogClient for Writer {
    fn append(&mut self, task: Append) -> Result<u64, Error> {
        let records = vec![b'x'; task.window * RECORD];
        let end = Instant::now() + task.time();
        let mut events = 0;
        while Instant::now() < end {
            self.write(&records)?;
            events += task.window as u64;
        }
        Ok(events)
    }

    fn read(&mut self) -> Result<u64, Error> {
        Err("a bare file is not read".into())
    }
}
