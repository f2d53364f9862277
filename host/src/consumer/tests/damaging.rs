//! An engine of whose events some cannot be read until they are given up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hearken_channel_log::memory::Memory;
use hearken_channel_log::{
    AppendError, Appended, Batch, Bounds, Cell, CellChange, CellError, CellRange, CellRow,
    ChangeError, ChannelError, ChannelInfo, ChannelName, Claim, Counters, CreateError, Engine,
    EngineFuture, Expected, LogSettings, Page, ReadError, ReadLimit, Span,
};
use tokio::sync::watch;

/// What became of the events with these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    There(Span),
    GivenUp(Span),
}

/// An engine of whose events some cannot be read until they are given up.
#[derive(Debug)]
pub(super) struct Damaging {
    log: Memory,
    damage: Mutex<Damage>,
}

impl Damaging {
    pub(super) fn new(log: Memory, damaged: Span) -> Arc<Self> {
        Arc::new(Self {
            log,
            damage: Mutex::new(Damage::There(damaged)),
        })
    }

    fn damage(&self) -> Damage {
        *self.damage.lock().expect("nobody panics with it")
    }
}

impl Engine for Damaging {
    fn create<'a>(
        &'a self,
        name: &'a ChannelName,
        settings: &'a LogSettings,
    ) -> EngineFuture<'a, Result<ChannelInfo, CreateError>> {
        self.log.create(name, settings)
    }

    fn change<'a>(
        &'a self,
        name: &'a ChannelName,
        settings: &'a LogSettings,
    ) -> EngineFuture<'a, Result<ChannelInfo, ChangeError>> {
        self.log.change(name, settings)
    }

    fn remove<'a>(&'a self, name: &'a ChannelName) -> EngineFuture<'a, Result<(), ChannelError>> {
        self.log.remove(name)
    }

    fn channels(&self) -> Vec<ChannelInfo> {
        self.log.channels()
    }

    fn info(&self, name: &ChannelName) -> Option<ChannelInfo> {
        self.log.info(name)
    }

    fn append<'a>(
        &'a self,
        name: &'a ChannelName,
        batch: Batch,
        expected: Expected,
    ) -> EngineFuture<'a, Result<Appended, AppendError>> {
        self.log.append(name, batch, expected)
    }

    fn read<'a>(
        &'a self,
        name: &'a ChannelName,
        after: u64,
        limit: ReadLimit,
    ) -> EngineFuture<'a, Result<Page, ReadError>> {
        Box::pin(async move {
            let damage = self.damage();
            let (Damage::There(span) | Damage::GivenUp(span)) = damage;
            if span.contains(after + 1) {
                if let Damage::There(span) = damage {
                    return Err(ReadError::Damaged(span));
                }
                let page = self.log.read(name, span.last, limit).await?;
                let gap = Span::new(after + 1, span.last);
                return Ok(Page { gap, ..page });
            }
            let before = usize::try_from(span.first.saturating_sub(after + 1)).unwrap_or(0);
            let events = match after < span.first {
                true => limit.events.min(before),
                false => limit.events,
            };
            self.log
                .read(name, after, ReadLimit { events, ..limit })
                .await
        })
    }

    fn since<'a>(
        &'a self,
        name: &'a ChannelName,
        time: u64,
    ) -> EngineFuture<'a, Result<u64, ReadError>> {
        self.log.since(name, time)
    }

    fn tail(&self, name: &ChannelName) -> Option<watch::Receiver<Bounds>> {
        self.log.tail(name)
    }

    fn trim<'a>(
        &'a self,
        name: &'a ChannelName,
        before: u64,
    ) -> EngineFuture<'a, Result<Bounds, ChannelError>> {
        self.log.trim(name, before)
    }

    fn keep<'a>(
        &'a self,
        name: &'a ChannelName,
        from: Option<u64>,
    ) -> EngineFuture<'a, Result<(), ChannelError>> {
        self.log.keep(name, from)
    }

    fn enforce(&self) -> EngineFuture<'_, ()> {
        self.log.enforce()
    }

    fn cell<'a>(
        &'a self,
        name: &'a ChannelName,
        key: &'a str,
    ) -> EngineFuture<'a, Result<Option<Cell>, CellError>> {
        self.log.cell(name, key)
    }

    fn cells<'a>(
        &'a self,
        name: &'a ChannelName,
        range: CellRange,
    ) -> EngineFuture<'a, Result<Vec<CellRow>, CellError>> {
        self.log.cells(name, range)
    }

    fn change_cells<'a>(
        &'a self,
        name: &'a ChannelName,
        changes: Vec<CellChange>,
        durable: bool,
    ) -> EngineFuture<'a, Result<Vec<u64>, CellError>> {
        self.log.change_cells(name, changes, durable)
    }

    fn claim<'a>(
        &'a self,
        name: &'a ChannelName,
        key: &'a str,
        time: Duration,
    ) -> EngineFuture<'a, Result<Claim, ChannelError>> {
        self.log.claim(name, key, time)
    }

    fn verify<'a>(
        &'a self,
        name: &'a ChannelName,
    ) -> EngineFuture<'a, Result<Vec<Span>, ChannelError>> {
        self.log.verify(name)
    }

    fn repair<'a>(
        &'a self,
        _: &'a ChannelName,
    ) -> EngineFuture<'a, Result<Vec<Span>, ChannelError>> {
        let (Damage::There(span) | Damage::GivenUp(span)) = self.damage();
        *self.damage.lock().expect("nobody panics with it") = Damage::GivenUp(span);
        Box::pin(async move { Ok(vec![span]) })
    }

    fn counters(&self) -> Counters {
        self.log.counters()
    }

    fn close(&self) -> EngineFuture<'_, ()> {
        self.log.close()
    }
}
