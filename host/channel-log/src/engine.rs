//! What keeps logs.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

use crate::{
    AppendError, Appended, Batch, Bounds, Cell, CellChange, CellError, CellRange, CellRow,
    ChangeError, ChannelError, ChannelInfo, ChannelName, Counters, CreateError, Expected,
    LogSettings, Page, ReadError, ReadLimit, Span,
};

/// What an engine's methods return, so that engines can stand behind `dyn`.
pub type EngineFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Whether somebody may consume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It may, until the time is over.
    Held,
    /// Somebody else does.
    Elsewhere,
}

/// Keeps logs of events and cells beside them. What it says is stored is stored: on disk,
/// where it has one. Dropping a future that it gave does not undo what was asked for.
pub trait Engine: Debug + Send + Sync + 'static {
    /// Makes a channel with an empty log.
    fn create<'a>(
        &'a self,
        name: &'a ChannelName,
        settings: &'a LogSettings,
    ) -> EngineFuture<'a, Result<ChannelInfo, CreateError>>;

    /// Changes how much a channel keeps. A longer time to remember keys holds for what is
    /// appended from then on.
    fn change<'a>(
        &'a self,
        name: &'a ChannelName,
        settings: &'a LogSettings,
    ) -> EngineFuture<'a, Result<ChannelInfo, ChangeError>>;

    /// Removes a channel with its events and cells. A channel of that name that is made
    /// later has another log.
    fn remove<'a>(&'a self, name: &'a ChannelName) -> EngineFuture<'a, Result<(), ChannelError>>;

    /// All channels, by name.
    fn channels(&self) -> Vec<ChannelInfo>;

    /// What is known of a channel.
    fn info(&self, name: &ChannelName) -> Option<ChannelInfo>;

    /// Appends a batch: whole, or not at all, and durable when it returns. Nobody can read
    /// it before.
    ///
    /// Each event has the number after the one before it and the time of now, but never
    /// one before the last; both are set in its encoding. Events whose key was stored
    /// within the time for which the log remembers keys are not stored again, and told as
    /// duplicates, before anything is expected of the log's last number: a repeat of an
    /// append that was stored has the answer of the first. A batch without events does
    /// nothing but to check what is expected.
    fn append<'a>(
        &'a self,
        name: &'a ChannelName,
        batch: Batch,
        expected: Expected,
    ) -> EngineFuture<'a, Result<Appended, AppendError>>;

    /// Reads the events behind the position `after`, as they lie in the log. The page is
    /// empty when there are none; it ends before numbers that are missing or damaged.
    fn read<'a>(
        &'a self,
        name: &'a ChannelName,
        after: u64,
        limit: ReadLimit,
    ) -> EngineFuture<'a, Result<Page, ReadError>>;

    /// Whether [`read`](Self::read) behind the position `after` would wait for no disk now.
    fn is_in_memory(&self, name: &ChannelName, after: u64) -> bool;

    /// The position before the oldest event that was recorded at `time` or later, in
    /// milliseconds since the Unix epoch; that of the newest event when none was.
    fn since<'a>(
        &'a self,
        name: &'a ChannelName,
        time: u64,
    ) -> EngineFuture<'a, Result<u64, ReadError>>;

    /// Follows the bounds of a channel: changed after each append, and when events are
    /// dropped. It ends when the channel is removed.
    fn tail(&self, name: &ChannelName) -> Option<watch::Receiver<Bounds>>;

    /// Drops the events with numbers below `before`, whether somebody has read them or
    /// not, for good.
    fn trim<'a>(
        &'a self,
        name: &'a ChannelName,
        before: u64,
    ) -> EngineFuture<'a, Result<Bounds, ChannelError>>;

    /// Keeps the events from the number `from` on from being dropped by the channel's
    /// settings, until it is called again; also after a restart. Nothing lets the settings
    /// alone decide, as at first.
    fn keep<'a>(
        &'a self,
        name: &'a ChannelName,
        from: Option<u64>,
    ) -> EngineFuture<'a, Result<(), ChannelError>>;

    /// Has the settings of all channels drop what they say, as the engine does anyway
    /// from time to time.
    fn enforce(&self) -> EngineFuture<'_, ()>;

    /// Reads a cell.
    fn cell<'a>(
        &'a self,
        name: &'a ChannelName,
        key: &'a str,
    ) -> EngineFuture<'a, Result<Option<Cell>, CellError>>;

    /// Lists cells by their keys, in the order of bytes.
    fn cells<'a>(
        &'a self,
        name: &'a ChannelName,
        range: CellRange,
    ) -> EngineFuture<'a, Result<Vec<CellRow>, CellError>>;

    /// Changes cells of a channel: all, or none. Returns their versions, 0 of those that
    /// were removed. Changes that are not `durable` may be lost in a crash, the later
    /// before the earlier, until a durable one or a clean stop; also when the disk is full.
    fn change_cells<'a>(
        &'a self,
        name: &'a ChannelName,
        changes: Vec<CellChange>,
        durable: bool,
    ) -> EngineFuture<'a, Result<Vec<u64>, CellError>>;

    /// Sets a cell, if it has this version (0: if it is not there), and returns its new
    /// one.
    fn put_cell<'a>(
        &'a self,
        name: &'a ChannelName,
        key: &'a str,
        value: Bytes,
        version: Option<u64>,
        durable: bool,
    ) -> EngineFuture<'a, Result<u64, CellError>> {
        let change = CellChange {
            key: key.to_owned(),
            value: Some(value),
            version,
        };
        Box::pin(async move {
            let versions = self.change_cells(name, vec![change], durable).await?;
            Ok(versions.first().copied().unwrap_or_default())
        })
    }

    /// Asks to be the only one that consumes a channel under this key, for so long. Who is
    /// alone with the engine always may.
    fn claim<'a>(
        &'a self,
        name: &'a ChannelName,
        key: &'a str,
        time: Duration,
    ) -> EngineFuture<'a, Result<Claim, ChannelError>>;

    /// Reads all of a channel that is stored, and returns which numbers are damaged; their
    /// state is [`Damaged`](crate::ChannelState::Damaged) from then on.
    fn verify<'a>(
        &'a self,
        name: &'a ChannelName,
    ) -> EngineFuture<'a, Result<Vec<Span>, ChannelError>>;

    /// Gives up the events that are known to be damaged, and returns their numbers; to
    /// readers they are a gap from then on.
    fn repair<'a>(
        &'a self,
        name: &'a ChannelName,
    ) -> EngineFuture<'a, Result<Vec<Span>, ChannelError>>;

    /// What was counted since the engine was opened.
    fn counters(&self) -> Counters;

    /// Finishes what was asked for and ends the engine's threads. What is asked for later
    /// fails.
    fn close(&self) -> EngineFuture<'_, ()>;
}
