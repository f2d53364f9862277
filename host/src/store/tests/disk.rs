//! A disk in memory that fails when it is told to, and forgets what was not synced
//! when the database on it is opened again, as after a crash.

use std::io::{Error, Result};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use redb::{Builder, Database, DatabaseError, StorageBackend};

use crate::store::Disk;

/// No space left.
pub(super) const ENOSPC: i32 = 28;

/// Input or output error.
pub(super) const EIO: i32 = 5;

/// The disk; clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct TestDisk(Arc<Parts>);

#[derive(Debug, Default)]
struct Parts {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What a reader sees.
    seen: Vec<u8>,
    /// How to get back to what was synced.
    unsynced: Vec<Undo>,
    faults: Faults,
    syncs: usize,
    opened: usize,
    written: usize,
}

#[derive(Debug)]
enum Undo {
    /// These bytes were there.
    Write(usize, Vec<u8>),
    /// It was so long, and this was at its end.
    Length(usize, Vec<u8>),
}

/// What fails, with which error of the system, and what is slow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    pub(super) read: Option<i32>,
    pub(super) write: Option<i32>,
    pub(super) sync: Option<i32>,
    /// Syncs wait until this is taken back.
    pub(super) stalled: bool,
    /// What a sync takes, and each 256 KiB that are written.
    pub(super) pace: Duration,
}

fn fail(fault: Option<i32>) -> Result<()> {
    fault.map_or(Ok(()), |code| Err(Error::from_raw_os_error(code)))
}

impl TestDisk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    pub(super) fn set(&self, faults: Faults) {
        self.lock().faults = faults;
        self.0.changed.notify_all();
    }

    pub(super) fn syncs(&self) -> usize {
        self.lock().syncs
    }

    /// How often a database was opened on it.
    pub(super) fn opened(&self) -> usize {
        self.lock().opened
    }

    /// Waits until a sync is stalled.
    pub(super) fn until_syncing(&self, after: usize) {
        let mut state = self.lock();
        while state.syncs <= after {
            state = self.0.changed.wait(state).unwrap();
        }
    }
}

impl Disk for TestDisk {
    fn open(&self, builder: &Builder) -> std::result::Result<Database, DatabaseError> {
        {
            let mut state = self.lock();
            while let Some(undo) = state.unsynced.pop() {
                match undo {
                    Undo::Write(at, bytes) => {
                        state.seen[at..at + bytes.len()].copy_from_slice(&bytes)
                    }
                    Undo::Length(length, end) => {
                        state.seen.truncate(length);
                        state.seen.extend_from_slice(&end);
                    }
                }
            }
            state.opened += 1;
        }
        builder.create_with_backend(self.clone())
    }

    fn reopen(&self, builder: &Builder) -> std::result::Result<Database, DatabaseError> {
        self.open(builder)
    }
}

impl StorageBackend for TestDisk {
    fn len(&self) -> Result<u64> {
        Ok(self.lock().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let state = self.lock();
        fail(state.faults.read)?;
        let offset = usize::try_from(offset).unwrap();
        out.copy_from_slice(&state.seen[offset..offset + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let len = usize::try_from(len).unwrap();
        let mut state = self.lock();
        let (kept, end) = (state.seen.len().min(len), state.seen.len());
        let end = state.seen[kept..end].to_vec();
        state.unsynced.push(Undo::Length(kept, end));
        state.seen.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let mut state = self.lock();
        state.syncs += 1;
        self.0.changed.notify_all();
        while state.faults.stalled {
            state = self.0.changed.wait(state).unwrap();
        }
        fail(state.faults.sync)?;
        let chunks = u32::try_from(state.written >> 18).unwrap();
        let takes = state.faults.pace * (1 + chunks);
        state.written = 0;
        state.unsynced.clear();
        drop(state);
        // A disk is slow without a lock.
        let slow = Mutex::new(());
        let _ = Condvar::new().wait_timeout(slow.lock().unwrap(), takes);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut state = self.lock();
        fail(state.faults.write)?;
        let offset = usize::try_from(offset).unwrap();
        let old = state.seen[offset..offset + data.len()].to_vec();
        state.unsynced.push(Undo::Write(offset, old));
        state.seen[offset..offset + data.len()].copy_from_slice(data);
        state.written += data.len();
        Ok(())
    }
}
