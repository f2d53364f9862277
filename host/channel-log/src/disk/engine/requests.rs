//! Having the engine's threads do what is asked for.

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

    /// Has a reader do what may wait for the disk. Nothing if it could not.
    pub(super) async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Core) -> T + Send + 'static,
    ) -> Result<T, Refused> {
        if self.core.mode.reads_inline {
            return Ok(read(&self.core));
        }
        let (answer, answered) = oneshot::channel();
        let core = Arc::clone(&self.core);
        // Whoever is gone does not want to know.
        let read: Read = Box::new(move || drop(answer.send(read(&core))));
        self.core
            .reads
            .push(read, 0)
            .map_err(|(refused, _)| refused)?;
        answered.await.map_err(|_| Refused::Closed)
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
                Err(Refused::Full) => Err(AppendError::Overloaded),
                Err(Refused::Closed) => Err(AppendError::StorageFailed(StorageFault::closed())),
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
        page.await.map_err(refused_read)?
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

pub(super) fn refused_read(refused: Refused) -> ReadError {
    match refused {
        Refused::Full => ReadError::Overloaded,
        Refused::Closed => ReadError::Storage(StorageFault::closed()),
    }
}

pub(super) fn refused_verify(refused: Refused) -> ChannelError {
    match refused {
        Refused::Full => ChannelError::Overloaded,
        Refused::Closed => ChannelError::Storage(StorageFault::closed()),
    }
}

pub(super) fn refused_cell(refused: Refused) -> CellError {
    match refused {
        Refused::Full => CellError::Overloaded,
        Refused::Closed => CellError::Storage(StorageFault::closed()),
    }
}
