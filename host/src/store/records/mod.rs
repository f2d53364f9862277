//! Buckets of records: what plugins keep, shared by the bucket's name.

pub(super) mod author;
pub(super) mod change;
mod cursors;
pub(super) mod limits;
pub(super) mod read;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use super::error::RecordError;
use super::handle::Store;
use super::queue::Call;
use super::state::StoreState;
use crate::bus::Publisher;
use author::Author;
use change::Change;
use cursors::Cursors;
use limits::MAX_KEYS_READ;

/// Keys that one call of `list-keys` returns at most.
const KEYS_A_PAGE: usize = 1000;

/// How long a call may take, the wait for its turn included.
const DEADLINE: Duration = Duration::from_secs(30);

/// KiB of changes of one plugin that wait for the writer; its further calls wait
/// until there is room.
const WAITING_KIB: u32 = 8 << 10;

/// What a change takes of that beyond its keys and values, in KiB; bounds how many wait.
const CALL_KIB: u32 = 16;

/// Reads of one plugin at a time, each of which holds a thread while it reads.
const READS: usize = 4;

/// The records as one plugin sees and changes them; cloning shares its share.
#[derive(Clone, Debug)]
pub struct Records {
    store: Arc<Store>,
    author: Arc<Author>,
    /// KiB that its changes may still take while they wait.
    room: Arc<Semaphore>,
    /// A permit for each read at a time.
    reads: Arc<Semaphore>,
    cursors: Arc<Mutex<Cursors>>,
}

/// Some keys of a bucket, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The keys.
    pub keys: Vec<String>,
    /// Where the next page begins; none after the last.
    pub next: Option<u64>,
}

impl Store {
    /// The records as a plugin sees and changes them.
    #[must_use]
    pub fn records(self: &Arc<Self>, plugin: &Arc<str>) -> Records {
        let publisher = self.bus.host_publisher();
        Records::new(Arc::clone(self), Arc::clone(plugin), publisher)
    }
}

impl Records {
    fn new(store: Arc<Store>, plugin: Arc<str>, publisher: Publisher) -> Self {
        Self {
            store,
            author: Arc::new(Author { plugin, publisher }),
            room: Arc::new(Semaphore::new(WAITING_KIB as usize)),
            reads: Arc::new(Semaphore::new(READS)),
            cursors: Arc::default(),
        }
    }

    /// The values of `keys`, in their order.
    ///
    /// # Errors
    /// [`RecordError`] when there are too many or they are too long together, and when
    /// the store fails.
    pub async fn get(
        &self,
        bucket: &Arc<str>,
        keys: Vec<String>,
    ) -> Result<Vec<Option<Vec<u8>>>, RecordError> {
        if keys.len() > MAX_KEYS_READ {
            return Err(RecordError::Keys(keys.len()));
        }
        let bucket = Arc::clone(bucket);
        self.read(move |table| read::values(table, &bucket, &keys))
            .await
    }

    /// Whether there is a record with this key.
    ///
    /// # Errors
    /// [`RecordError`] when the store fails.
    pub async fn exists(&self, bucket: &Arc<str>, key: String) -> Result<bool, RecordError> {
        let bucket = Arc::clone(bucket);
        self.read(move |table| read::exists(table, &bucket, &key))
            .await
    }

    /// A page of the bucket's keys in order: the first, or the one after a page that
    /// gave `cursor`.
    ///
    /// # Errors
    /// [`RecordError::Cursor`] when the cursor was never given, or before the last 256;
    /// and when the store fails.
    pub async fn list(&self, bucket: &Arc<str>, cursor: Option<u64>) -> Result<Page, RecordError> {
        let after = match cursor {
            None => None,
            Some(cursor) => {
                let after = self.cursors().after(bucket, cursor);
                Some(after.ok_or(RecordError::Cursor(cursor))?)
            }
        };
        let of = Arc::clone(bucket);
        let (keys, more) = self
            .read(move |table| read::keys(table, &of, after.as_deref(), KEYS_A_PAGE))
            .await?;
        let next = keys
            .last()
            .filter(|_| more)
            .map(|last| self.cursors().give(bucket, last));
        Ok(Page { keys, next })
    }

    /// Writes all records, or none.
    ///
    /// # Errors
    /// [`RecordError`] says what is wrong with which record, or that the store fails.
    pub async fn set(
        &self,
        bucket: &Arc<str>,
        records: Vec<(String, Vec<u8>)>,
    ) -> Result<(), RecordError> {
        self.change(bucket, Change::set(records)?).await?;
        Ok(())
    }

    /// Deletes the records of all keys that have one, or none.
    ///
    /// # Errors
    /// [`RecordError`] when the keys are too long together, or the store fails.
    pub async fn delete(&self, bucket: &Arc<str>, keys: Vec<String>) -> Result<(), RecordError> {
        self.change(bucket, Change::delete(keys)?).await?;
        Ok(())
    }

    /// Adds to a decimal number, which is 0 where there is no record; returns the sum.
    /// No other change comes between.
    ///
    /// # Errors
    /// [`RecordError::NotANumber`] when the value is something else, and when the store
    /// fails.
    pub async fn increment(
        &self,
        bucket: &Arc<str>,
        key: String,
        delta: u64,
    ) -> Result<u64, RecordError> {
        self.change(bucket, Change::increment(key, delta)?).await
    }

    /// Lets the writer make a change. It is not made when the caller goes away before its turn.
    async fn change(&self, bucket: &Arc<str>, change: Change) -> Result<u64, RecordError> {
        let changed = async {
            let kib = u32::try_from(change.bytes() >> 10).unwrap_or(u32::MAX);
            let room = permits(&self.room, kib.saturating_add(CALL_KIB).min(WAITING_KIB)).await;
            self.state().works()?;
            let (reply, answer) = oneshot::channel();
            self.state().queue.push(Call {
                author: Arc::clone(&self.author),
                bucket: Arc::clone(bucket),
                change,
                reply,
                _room: room,
            })?;
            // A writer that ends answers all; one that panicked may have made the change.
            let panicked = |_| RecordError::Store("its writer panicked".into());
            answer.await.map_err(panicked)?
        };
        let changed = timeout(DEADLINE, changed).await;
        changed.unwrap_or(Err(RecordError::Slow(DEADLINE)))
    }

    /// Reads on a thread that may block. Reading waits for no change.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&read::Table) -> Result<T, read::ReadError> + Send + 'static,
    ) -> Result<T, RecordError> {
        let read = async {
            let own = permits(&self.reads, 1).await;
            let held = permits(&self.state().reads, 1).await;
            let state = Arc::clone(self.state());
            // Its own permit is held until what was read is taken: plugins that wait for
            // their turn must not have any number of large values waiting for them.
            let done = tokio::task::spawn_blocking(move || {
                let _held = held;
                (state.read(work), own)
            });
            match done.await {
                Ok((done, _own)) => done,
                Err(ended) if ended.is_panic() => {
                    let reason: Arc<str> = "reading it panicked".into();
                    self.state().queue.fail(Arc::clone(&reason));
                    Err(RecordError::Store(reason))
                }
                Err(_) => Err(RecordError::Stopping),
            }
        };
        let read = timeout(DEADLINE, read).await;
        read.unwrap_or(Err(RecordError::Slow(DEADLINE)))
    }

    fn state(&self) -> &Arc<StoreState> {
        &self.store.state
    }

    fn cursors(&self) -> MutexGuard<'_, Cursors> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn permits(of: &Arc<Semaphore>, count: u32) -> OwnedSemaphorePermit {
    let permits = Arc::clone(of).acquire_many_owned(count).await;
    permits.expect("the semaphore is never closed")
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;
    use crate::bus::{Bus, BusConfig};
    use crate::clock::SystemClock;

    #[tokio::test]
    async fn values_that_were_not_taken_yet_count_as_being_read() {
        let bus = Bus::new(BusConfig {
            node: "a".into(),
            incarnation: "i".into(),
            max_event_bytes: 4096,
            clock: Arc::new(SystemClock),
        });
        let store = Store::in_memory(bus, Arc::new(SystemClock)).expect("memory");
        let records = store.records(&"p".into());
        let free = || records.state().reads.available_permits();
        let all = free();
        let bucket = "b".into();
        let get = || Box::pin(records.get(&bucket, vec!["k".to_owned()]));
        let mut reads: Vec<_> = (0..READS).map(|_| get()).collect();
        for read in &mut reads {
            // Of one that is done at once the value is taken.
            while poll!(&mut *read).is_ready() {
                *read = get();
            }
        }
        while free() < all {
            tokio::task::yield_now().await;
        }
        assert_eq!(records.reads.available_permits(), 0);
        for read in reads {
            read.await.expect("the store works");
        }
        assert_eq!(records.reads.available_permits(), READS);
    }
}
