//! Having the engine's threads do what is asked for.

#[cfg(test)]
mod tests;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::DiskEngine;
use crate::disk::channel::Channel;
use crate::disk::core::{Core, Read, Request};
use crate::disk::keys::{self, Before};
use crate::disk::orders::{CellsOrder, Order};
use crate::disk::queue::Refused;
use crate::disk::reader;
use crate::{
    AppendError, Appended, Batch, CellChange, CellError, ChannelError, ChannelName, Expected, Page,
    ReadError, ReadLimit, StorageFault, cell,
};

/// Bytes that a channel may have beyond what it may have and what is dropped at once, before who
/// appends to it waits for them to be dropped: mostly the filer is there first.
const MAX_OVER: u64 = 512 << 10;

/// Why something was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// Too many reads wait for the disk.
    Overloaded,
    /// The storage failed, or reading it has panicked.
    Failed(StorageFault),
}

impl DiskEngine {
    pub(super) fn channel<E>(
        &self,
        name: &ChannelName,
        missing: impl FnOnce(ChannelName) -> E,
    ) -> Result<Arc<Channel>, E> {
        let channel = self.core.channels.get(name);
        channel.ok_or_else(|| missing(name.clone()))
    }

    /// Has the keeper carry out an order; `overloaded` when too many wait.
    pub(super) async fn order<T, E>(
        &self,
        (storage, overloaded): (impl Fn(StorageFault) -> E, E),
        order: impl FnOnce(oneshot::Sender<Result<T, E>>) -> Order,
    ) -> Result<T, E> {
        let (answer, answered) = oneshot::channel();
        if let Err((refused, _)) = self.core.orders.push(order(answer), 0) {
            return Err(match refused {
                Refused::Closed => storage(StorageFault::closed()),
                Refused::Full => overloaded,
            });
        }
        let answered = answered.await;
        answered.unwrap_or_else(|_| Err(storage(StorageFault::closed())))
    }

    /// Has a reader do what may wait for the disk.
    ///
    /// # Errors
    /// [`Unread`], e.g. when it panicked: a damaged file that leads to that is no reason to
    /// end all other channels.
    pub(super) async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Core) -> T + Send + 'static,
    ) -> Result<T, Unread> {
        if self.core.mode.reads_inline {
            return Ok(read(&self.core));
        }
        let (answer, answered) = oneshot::channel();
        let core = Arc::clone(&self.core);
        let read: Read = Box::new(move || {
            let read = catch_unwind(AssertUnwindSafe(|| read(&core)));
            // Whoever is gone does not want to know.
            let _ = answer.send(read.map_err(panicked));
        });
        match self.core.reads.push(read, 0) {
            Ok(()) => {}
            Err((Refused::Full, _)) => return Err(Unread::Overloaded),
            Err((Refused::Closed, _)) => return Err(Unread::Failed(StorageFault::closed())),
        }
        let answered = answered.await;
        let answered = answered.unwrap_or_else(|_| Err(StorageFault::closed()));
        answered.map_err(Unread::Failed)
    }

    pub(super) async fn append_now(
        &self,
        name: &ChannelName,
        batch: Batch,
        expected: Expected,
    ) -> Result<Appended, AppendError> {
        let channel = self.channel(name, AppendError::NoChannel)?;
        if let Some(fault) = self.core.fault() {
            return Err(AppendError::StorageFailed(fault.clone()));
        }
        if batch.has_keys() {
            self.learn_keys(&channel).await?;
        }
        if channel.state().outgrows(MAX_OVER)
            && let Some(dropped) = self.core.filing.outgrows(&channel)
        {
            // Once is enough: it is then as slow as what is over is dropped. If the filer has
            // ended, the committer tells why nothing is stored.
            let _ = dropped.await;
        }
        let (answer, answered) = oneshot::channel();
        let bytes = batch.bytes();
        let request = Request {
            channel,
            batch,
            expected,
            answer,
        };
        match self.core.appends.push(request, bytes) {
            Ok(()) => {}
            Err((Refused::Full, _)) => return Err(AppendError::Overloaded),
            Err((Refused::Closed, _)) => {
                return Err(AppendError::StorageFailed(StorageFault::closed()));
            }
        }
        let answered = answered.await;
        answered.unwrap_or_else(|_| {
            let fault = StorageFault::new("the thread that writes the journal has ended");
            Err(AppendError::Unknown(fault))
        })
    }

    /// Has the keys that a channel's segments hold be read, once after a start.
    async fn learn_keys(&self, channel: &Arc<Channel>) -> Result<(), AppendError> {
        loop {
            let read = match keys::before(channel) {
                Before::Nothing => return Ok(()),
                Before::Wait(mut reading) => {
                    // It never changes, and ends when they were read.
                    let _ = reading.changed().await;
                    continue;
                }
                Before::Read(read) => read,
            };
            let of = Arc::clone(channel);
            let learn = move |core: &Core| {
                let learned = keys::learn(core, &of);
                drop(read);
                learned
            };
            return match self.reading(learn).await {
                Ok(learned) => learned.map_err(AppendError::StorageFailed),
                Err(Unread::Overloaded) => Err(AppendError::Overloaded),
                Err(Unread::Failed(fault)) => Err(AppendError::StorageFailed(fault)),
            };
        }
    }

    pub(super) async fn read_now(
        &self,
        name: &ChannelName,
        after: u64,
        limit: ReadLimit,
    ) -> Result<Page, ReadError> {
        let channel = self.channel(name, ReadError::NoChannel)?;
        let start = reader::start(&channel, after, limit)?;
        if start.is_in_memory() {
            return Ok(start.read_memory(&channel, limit));
        }
        let page = self.reading(move |core| start.read_disk(core, &channel, limit));
        page.await.map_err(unread)?
    }

    pub(super) async fn change_cells_now(
        &self,
        name: &ChannelName,
        changes: Vec<CellChange>,
        durable: bool,
    ) -> Result<Vec<u64>, CellError> {
        let channel = self.channel(name, CellError::NoChannel)?;
        cell::check(&changes)?;
        let bytes = changes.iter().map(|change| {
            let value = change.value.as_ref();
            change.key.len() + value.map_or(0, bytes::Bytes::len)
        });
        let bytes = bytes.sum();
        let (answer, answered) = oneshot::channel();
        let order = Order::Cells(CellsOrder {
            channel,
            changes,
            durable,
            answer,
        });
        match self.core.orders.push(order, bytes) {
            Ok(()) => {}
            Err((Refused::Full, _)) => return Err(CellError::Overloaded),
            Err((Refused::Closed, _)) => {
                return Err(CellError::Storage(StorageFault::closed()));
            }
        }
        let answered = answered.await;
        answered.unwrap_or_else(|_| Err(CellError::Storage(StorageFault::closed())))
    }
}

/// What a read that has panicked is answered.
fn panicked(panic: Box<dyn Any + Send>) -> StorageFault {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason was given");
    let fault = StorageFault::new(format!("reading has panicked: {said}"));
    // What it says may itself panic when it is dropped.
    std::mem::forget(panic);
    fault
}

pub(super) fn unread(why: Unread) -> ReadError {
    match why {
        Unread::Overloaded => ReadError::Overloaded,
        Unread::Failed(fault) => ReadError::Storage(fault),
    }
}

pub(super) fn unverified(why: Unread) -> ChannelError {
    match why {
        Unread::Overloaded => ChannelError::Overloaded,
        Unread::Failed(fault) => ChannelError::Storage(fault),
    }
}

pub(super) fn unread_cell(why: Unread) -> CellError {
    match why {
        Unread::Overloaded => CellError::Overloaded,
        Unread::Failed(fault) => CellError::Storage(fault),
    }
}
