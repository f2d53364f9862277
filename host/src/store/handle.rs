//! Opening and closing the store.

use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::disk::{Disk, FileDisk, MemoryDisk};
use super::error::StoreError;
use super::state::StoreState;
use super::writer::{self, Writer};
use crate::admin::{NodeHealth, Trouble};
use crate::bus::Bus;
use crate::clock::Clock;

/// How long closing waits for a disk that does not answer.
const CLOSING: Duration = Duration::from_secs(5);

/// The store of one node; dropping it closes the database.
#[derive(Debug)]
pub struct Store {
    pub(super) bus: Bus,
    pub(super) state: Arc<StoreState>,
    /// Hangs up when the writer has closed the database.
    closed: Mutex<mpsc::Receiver<()>>,
}

impl Store {
    /// Opens the store in `file`, or makes it.
    ///
    /// # Errors
    /// [`StoreError`], e.g. when another node has the file open.
    pub fn open(file: &Path, bus: Bus, clock: Arc<dyn Clock>) -> Result<Arc<Self>, StoreError> {
        Self::open_on(FileDisk::new(file), bus, clock)
    }

    /// A store that forgets all when it is closed.
    ///
    /// # Errors
    /// [`StoreError`] when the system refuses a thread.
    pub fn in_memory(bus: Bus, clock: Arc<dyn Clock>) -> Result<Arc<Self>, StoreError> {
        Self::open_on(MemoryDisk, bus, clock)
    }

    /// As [`Store::open`], on a disk of the caller's.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on(
        disk: impl Disk,
        bus: Bus,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, StoreError> {
        let database = writer::open(&disk).map_err(StoreError::Open)?;
        let state = Arc::new(StoreState::new(database, clock));
        let writer = Writer::new(Arc::clone(&state), Box::new(disk));
        let (closing, closed) = mpsc::channel();
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                writer.run();
                drop(closing);
            })
            .map_err(StoreError::Thread)?;
        Ok(Arc::new(Self {
            bus,
            state,
            closed: Mutex::new(closed),
        }))
    }
}

impl NodeHealth for Store {
    fn troubles(&self) -> Vec<Trouble> {
        self.state.health.trouble().into_iter().collect()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.state.queue.close();
        let closed = self.closed.get_mut();
        let closed = closed.unwrap_or_else(PoisonError::into_inner);
        let closed = closed.recv_timeout(CLOSING);
        if closed == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::error!("the key-value store could not be closed: its disk does not answer");
        }
    }
}
