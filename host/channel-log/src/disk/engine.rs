//! The engine, as others see it.

mod requests;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use self::requests::{unread, unread_cell, unverified};
use super::core::{Core, Mode, disk_fault};
use super::device::Device;
use super::orders::Order;
use super::reader::Verified;
use super::steps::{self, Steps};
use super::threads::Threads;
use super::{DiskSettings, OpenError, reader, times};
use crate::{
    AppendError, Appended, Batch, Bounds, Cell, CellChange, CellError, CellRange, CellRow,
    ChangeError, ChannelError, ChannelInfo, ChannelName, Claim, Counters, CreateError, Engine,
    EngineFuture, Environment, Expected, LogSettings, Page, ReadError, ReadLimit, Span,
};

/// Keeps logs on disk.
#[derive(Debug)]
pub struct DiskEngine {
    core: Arc<Core>,
    threads: Mutex<Option<Threads>>,
}

impl DiskEngine {
    /// Opens the logs in a folder, or makes it, and starts the threads that work on them.
    ///
    /// # Errors
    /// [`OpenError`] when the disk fails, or the folder is open already. A full disk is none,
    /// unless there are no logs yet, they are damaged, `channels.redb` was lost, or the journal
    /// has more than 128 MiB that the logs' own files have no room for.
    pub fn open(
        environment: Arc<dyn Environment>,
        device: Arc<dyn Device>,
        settings: DiskSettings,
    ) -> Result<Self, OpenError> {
        let mode = Mode {
            reads_inline: false,
            drops: true,
        };
        Self::open_as(environment, device, settings, mode)
    }

    /// Opens the logs as [`DiskEngine::open`] does, and drops nothing of what channels do
    /// not keep any more: to look at logs that nobody uses, as those of a backup.
    ///
    /// # Errors
    /// As [`DiskEngine::open`].
    pub fn open_to_inspect(
        environment: Arc<dyn Environment>,
        device: Arc<dyn Device>,
        settings: DiskSettings,
    ) -> Result<Self, OpenError> {
        let mode = Mode {
            reads_inline: false,
            drops: false,
        };
        Self::open_as(environment, device, settings, mode)
    }

    fn open_as(
        environment: Arc<dyn Environment>,
        device: Arc<dyn Device>,
        settings: DiskSettings,
        mode: Mode,
    ) -> Result<Self, OpenError> {
        let (core, steps) = steps::open(environment, device, settings, mode)?;
        let threads = Threads::start(&core, steps);
        let threads = threads.map_err(|error| OpenError::Thread(error.to_string()))?;
        Ok(Self {
            core,
            threads: Mutex::new(Some(threads)),
        })
    }

    /// Opens the logs without threads: nothing happens but by [`Steps`], and by whoever
    /// reads. For simulations.
    ///
    /// # Errors
    /// As [`DiskEngine::open`].
    pub fn open_stepped(
        environment: Arc<dyn Environment>,
        device: Arc<dyn Device>,
        settings: DiskSettings,
    ) -> Result<(Self, Steps), OpenError> {
        let mode = Mode {
            reads_inline: true,
            drops: true,
        };
        let (core, steps) = steps::open(environment, device, settings, mode)?;
        let engine = Self {
            core,
            threads: Mutex::new(None),
        };
        Ok((engine, steps))
    }
}

impl Engine for DiskEngine {
    fn create<'a>(
        &'a self,
        name: &'a ChannelName,
        settings: &'a LogSettings,
    ) -> EngineFuture<'a, Result<ChannelInfo, CreateError>> {
        Box::pin(async move {
            settings.check()?;
            let order = |answer| Order::Create(name.clone(), settings.clone(), answer);
            self.order((CreateError::Storage, CreateError::Overloaded), order)
                .await
        })
    }

    fn change<'a>(
        &'a self,
        name: &'a ChannelName,
        settings: &'a LogSettings,
    ) -> EngineFuture<'a, Result<ChannelInfo, ChangeError>> {
        Box::pin(async move {
            self.channel(name, ChangeError::NoChannel)?;
            settings.check()?;
            let order = |answer| Order::Change(name.clone(), settings.clone(), answer);
            self.order((ChangeError::Storage, ChangeError::Overloaded), order)
                .await
        })
    }

    fn remove<'a>(&'a self, name: &'a ChannelName) -> EngineFuture<'a, Result<(), ChannelError>> {
        Box::pin(async move {
            let order = |answer| Order::Remove(name.clone(), answer);
            self.order((ChannelError::Storage, ChannelError::Overloaded), order)
                .await
        })
    }

    fn channels(&self) -> Vec<ChannelInfo> {
        let channels = self.core.channels.all();
        channels.iter().map(|channel| channel.info()).collect()
    }

    fn info(&self, name: &ChannelName) -> Option<ChannelInfo> {
        self.core.channels.get(name).map(|channel| channel.info())
    }

    fn append<'a>(
        &'a self,
        name: &'a ChannelName,
        batch: Batch,
        expected: Expected,
    ) -> EngineFuture<'a, Result<Appended, AppendError>> {
        Box::pin(self.append_now(name, batch, expected))
    }

    fn read<'a>(
        &'a self,
        name: &'a ChannelName,
        after: u64,
        limit: ReadLimit,
    ) -> EngineFuture<'a, Result<Page, ReadError>> {
        Box::pin(self.read_now(name, after, limit))
    }

    fn is_in_memory(&self, name: &ChannelName, after: u64) -> bool {
        let channel = self.core.channels.get(name);
        channel.is_none_or(|channel| reader::is_in_memory(&channel, after))
    }

    fn since<'a>(
        &'a self,
        name: &'a ChannelName,
        time: u64,
    ) -> EngineFuture<'a, Result<u64, ReadError>> {
        Box::pin(async move {
            let channel = self.channel(name, ReadError::NoChannel)?;
            let since = move |core: &Core| {
                // What is appended while it is looked for is behind it.
                let last = channel.state().bounds.last;
                let found = times::first_since(core, &channel, time);
                let found = found.map_err(|error| {
                    ReadError::Storage(disk_fault(&core.folder(&channel), &error))
                })?;
                Ok(found.map_or(last, |at| at.sequence - 1))
            };
            self.reading(since).await.map_err(unread)?
        })
    }

    fn tail(&self, name: &ChannelName) -> Option<watch::Receiver<Bounds>> {
        let channel = self.core.channels.get(name)?;
        let mut state = channel.state();
        (!state.removed).then(|| state.tail())
    }

    fn trim<'a>(
        &'a self,
        name: &'a ChannelName,
        before: u64,
    ) -> EngineFuture<'a, Result<Bounds, ChannelError>> {
        Box::pin(async move {
            let channel = self.channel(name, ChannelError::NoChannel)?;
            let order = |answer| Order::Trim(channel, before, answer);
            self.order((ChannelError::Storage, ChannelError::Overloaded), order)
                .await
        })
    }

    fn keep<'a>(
        &'a self,
        name: &'a ChannelName,
        from: Option<u64>,
    ) -> EngineFuture<'a, Result<(), ChannelError>> {
        Box::pin(async move {
            let channel = self.channel(name, ChannelError::NoChannel)?;
            let order = |answer| Order::Keep(channel, from, answer);
            self.order((ChannelError::Storage, ChannelError::Overloaded), order)
                .await
        })
    }

    fn enforce(&self) -> EngineFuture<'_, ()> {
        let (done, is_done) = oneshot::channel();
        self.core.filing.enforce(done);
        // An engine that ends has enforced all that it will.
        Box::pin(async move { drop(is_done.await) })
    }

    fn cell<'a>(
        &'a self,
        name: &'a ChannelName,
        key: &'a str,
    ) -> EngineFuture<'a, Result<Option<Cell>, CellError>> {
        Box::pin(async move {
            let channel = self.channel(name, CellError::NoChannel)?;
            let key = key.to_owned();
            let cell = move |core: &Core| core.catalogue.cell(channel.id, &key);
            let cell = self.reading(cell).await.map_err(unread_cell)?;
            cell.map_err(|fault| CellError::Storage(fault.fault))
        })
    }

    fn cells<'a>(
        &'a self,
        name: &'a ChannelName,
        range: CellRange,
    ) -> EngineFuture<'a, Result<Vec<CellRow>, CellError>> {
        Box::pin(async move {
            let channel = self.channel(name, CellError::NoChannel)?;
            let cells = move |core: &Core| core.catalogue.cells(channel.id, &range);
            let cells = self.reading(cells).await.map_err(unread_cell)?;
            cells.map_err(|fault| CellError::Storage(fault.fault))
        })
    }

    fn change_cells<'a>(
        &'a self,
        name: &'a ChannelName,
        changes: Vec<CellChange>,
        durable: bool,
    ) -> EngineFuture<'a, Result<Vec<u64>, CellError>> {
        Box::pin(self.change_cells_now(name, changes, durable))
    }

    fn claim<'a>(
        &'a self,
        name: &'a ChannelName,
        _key: &'a str,
        _time: Duration,
    ) -> EngineFuture<'a, Result<Claim, ChannelError>> {
        let channel = self.channel(name, ChannelError::NoChannel);
        Box::pin(std::future::ready(channel.map(|_| Claim::Held)))
    }

    fn verify<'a>(
        &'a self,
        name: &'a ChannelName,
    ) -> EngineFuture<'a, Result<Vec<Span>, ChannelError>> {
        Box::pin(async move {
            let channel = self.channel(name, ChannelError::NoChannel)?;
            let (mut next, last) = (0, channel.state().filed);
            loop {
                let of = Arc::clone(&channel);
                // Piece by piece, so that others read in between, and nothing is read any
                // more once nobody waits for it.
                let piece = move |core: &Core| reader::verify_piece(core, &of, (next, last));
                let verified = self.reading(piece).await.map_err(unverified)??;
                match verified {
                    Verified::UpTo(piece_end) => next = piece_end,
                    Verified::All(damaged) => return Ok(damaged),
                }
            }
        })
    }

    fn repair<'a>(
        &'a self,
        name: &'a ChannelName,
    ) -> EngineFuture<'a, Result<Vec<Span>, ChannelError>> {
        Box::pin(async move {
            let channel = self.channel(name, ChannelError::NoChannel)?;
            let order = |answer| Order::Repair(channel, answer);
            self.order((ChannelError::Storage, ChannelError::Overloaded), order)
                .await
        })
    }

    fn counters(&self) -> Counters {
        self.core.counters()
    }

    fn close(&self) -> EngineFuture<'_, ()> {
        Box::pin(async move {
            let threads = self.threads.lock();
            let threads = threads
                .expect("nobody panics while holding the threads")
                .take();
            self.core.close();
            if let Some(threads) = threads {
                threads.join().await;
            }
            self.core.catalogue.close();
        })
    }
}

impl Drop for DiskEngine {
    fn drop(&mut self) {
        self.core.close();
        let threads = self.threads.get_mut();
        let threads = threads
            .expect("nobody panics while holding the threads")
            .take();
        if let Some(threads) = threads {
            threads.join_here();
        }
    }
}
