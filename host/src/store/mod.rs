//! The node's embedded database: one file in the data folder, and in it the buckets
//! of records that plugins keep.
//!
//! | file | what it is |
//! | --- | --- |
//! | `records` | what a plugin may do with buckets: [`Records`] |
//! | `queue`, `lanes` | the changes that wait, and whose turn is next |
//! | `writer` | the one writer: commits what waits in groups, opens a database again that failed |
//! | `health` | whether the store works, as operators are told |
//! | `disk` | what the database lies on |
//! | `tables` | the names and types of its tables |
//!
//! All changes go through one writer, which takes what waits, a call of each plugin in
//! turn, and commits it in one transaction with one sync. Reads see what was last
//! committed and wait for no writer. The store speaks by `record.*` events alone.

mod disk;
mod error;
mod health;
mod lanes;
mod queue;
mod records;
mod tables;
mod writer;

use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use redb::{Database, ReadableDatabase};
use tokio::sync::Semaphore;

use crate::admin::{NodeHealth, Trouble};
use crate::bus::Bus;
use crate::clock::Clock;
pub use disk::Disk;
pub use error::{RecordError, StoreError};
pub use records::{Page, Records};

use disk::{FileDisk, Memory};
use health::Health;
use queue::Queue;
use records::{ReadError, Table};
use writer::Writer;

/// Reads of all plugins at a time; bounds the threads that a slow disk can hold.
const READS: usize = 32;

/// How long closing waits for a disk that does not answer.
const CLOSING: Duration = Duration::from_secs(5);

/// The store of one node; dropping it closes the database.
#[derive(Debug)]
pub struct Store {
    bus: Bus,
    shared: Arc<Shared>,
    /// Hangs up when the writer has closed the database.
    closed: Mutex<mpsc::Receiver<()>>,
}

/// What the writer and those who ask it share.
struct Shared {
    /// None while it is being opened again.
    database: RwLock<Option<Database>>,
    queue: Queue,
    health: Health,
    /// A permit for each read at a time.
    reads: Arc<Semaphore>,
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
        Self::open_on(Memory, bus, clock)
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
        let shared = Arc::new(Shared {
            database: RwLock::new(Some(database)),
            queue: Queue::default(),
            health: Health::new(clock),
            reads: Arc::new(Semaphore::new(READS)),
        });
        let writer = Writer::new(Arc::clone(&shared), Box::new(disk));
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
            shared,
            closed: Mutex::new(closed),
        }))
    }

    /// The records as a plugin sees and changes them.
    #[must_use]
    pub fn records(self: &Arc<Self>, plugin: &Arc<str>) -> Records {
        let publisher = self.bus.host_publisher();
        Records::new(Arc::clone(self), Arc::clone(plugin), publisher)
    }
}

impl NodeHealth for Store {
    fn troubles(&self) -> Vec<Trouble> {
        self.shared.health.trouble().into_iter().collect()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shared.queue.close();
        let closed = self.closed.get_mut();
        let closed = closed.unwrap_or_else(PoisonError::into_inner);
        let closed = closed.recv_timeout(CLOSING);
        if closed == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::error!("the key-value store could not be closed: its disk does not answer");
        }
    }
}

impl Shared {
    /// # Errors
    /// Why the store does not work.
    fn works(&self) -> Result<(), RecordError> {
        match self.health.reason() {
            Some(reason) => Err(RecordError::Store(reason)),
            None => Ok(()),
        }
    }

    /// Reads what was last committed. Blocks on the disk.
    fn read<T>(&self, work: impl FnOnce(&Table) -> Result<T, ReadError>) -> Result<T, RecordError> {
        // A database that has failed may still be open for a moment.
        self.works()?;
        match self.try_read(work) {
            Ok(done) => Ok(done),
            Err(ReadError::Refused(error)) => Err(error),
            Err(ReadError::Database(redb::Error::DatabaseClosed)) => {
                self.works()?;
                Err(RecordError::Store("it was being opened again".into()))
            }
            Err(ReadError::Database(error)) => {
                let reason: Arc<str> = error.to_string().into();
                self.queue.fail(Arc::clone(&reason));
                Err(RecordError::Store(reason))
            }
        }
    }

    fn try_read<T>(
        &self,
        work: impl FnOnce(&Table) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let reading = {
            let database = self.database.read();
            let database = database.unwrap_or_else(PoisonError::into_inner);
            database
                .as_ref()
                .ok_or(redb::Error::DatabaseClosed)?
                .begin_read()?
        };
        work(&reading.open_table(tables::RECORDS)?)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
