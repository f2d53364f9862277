//! What the writer and those who ask it share, and reading through it.

use std::sync::{Arc, PoisonError, RwLock};

use redb::{Database, ReadableDatabase};
use tokio::sync::Semaphore;

use super::error::RecordError;
use super::health::Health;
use super::queue::Queue;
use super::records::read::{ReadError, Table};
use super::tables;
use crate::clock::Clock;

/// Reads of all plugins at a time; bounds the threads that a slow disk can hold.
const READS: usize = 32;

/// What the writer and those who ask it share.
pub(super) struct StoreState {
    /// None while it is being opened again.
    pub(super) database: RwLock<Option<Database>>,
    pub(super) queue: Queue,
    pub(super) health: Health,
    /// A permit for each read at a time.
    pub(super) reads: Arc<Semaphore>,
}

impl StoreState {
    pub(super) fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self {
            database: RwLock::new(Some(database)),
            queue: Queue::default(),
            health: Health::new(clock),
            reads: Arc::new(Semaphore::new(READS)),
        }
    }

    /// # Errors
    /// Why the store does not work.
    pub(super) fn works(&self) -> Result<(), RecordError> {
        match self.health.reason() {
            Some(reason) => Err(RecordError::Store(reason)),
            None => Ok(()),
        }
    }

    /// Reads what was last committed. Blocks on the disk.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Table) -> Result<T, ReadError>,
    ) -> Result<T, RecordError> {
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

impl std::fmt::Debug for StoreState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreState")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
