//! An engine in memory that fails, hangs or loses events where a test says.

mod call;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hearken_channel_log::memory::Memory;
use hearken_channel_log::{
    AppendError, Appended, Batch, Bounds, Cell, CellChange, CellError, CellRange, CellRow,
    ChangeError, ChannelError, ChannelInfo, ChannelName, Claim, Counters, CreateError, Engine,
    EngineFuture, Expected, LogSettings, Page, ReadError, ReadLimit, Span, StorageFault,
};
use tokio::sync::watch;

pub(crate) use call::{Call, Fate};

/// An engine in memory that fails, hangs or loses events where a test says, and otherwise hands
/// on everything.
#[derive(Debug)]
pub(crate) struct TestEngine {
    inner: Memory,
    script: Mutex<Script>,
    /// How often each call was made, and what becomes of it, have changed.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Script {
    calls: BTreeMap<Call, usize>,
    /// After so many more of the call.
    fates: BTreeMap<Call, (usize, Fate)>,
    /// By the position that is read.
    reads: BTreeMap<u64, ReadError>,
    damage: Option<Damage>,
    hanging: usize,
}

/// What became of the events with these numbers.
#[derive(Clone, Copy, Debug)]
enum Damage {
    There(Span),
    GivenUp(Span),
}

impl TestEngine {
    pub(crate) fn new(inner: Memory) -> Arc<Self> {
        Arc::new(Self {
            inner,
            script: Mutex::default(),
            changed: watch::Sender::new(()),
        })
    }

    /// Has such calls end so, after `passing` more that do not.
    pub(crate) fn set(&self, call: Call, passing: usize, fate: Fate) {
        self.script().fates.insert(call, (passing, fate));
    }

    /// Has all calls end as they should, also those that hang.
    pub(crate) fn recover(&self) {
        self.script().fates.clear();
        self.script().reads.clear();
        self.changed.send_replace(());
    }

    /// Has what is read behind this position end so.
    pub(crate) fn fail_read(&self, after: u64, error: ReadError) {
        self.script().reads.insert(after, error);
    }

    /// Has the events with these numbers not be readable until they are given up.
    pub(crate) fn damage(&self, span: Span) {
        self.script().damage = Some(Damage::There(span));
    }

    /// How often that was asked for.
    pub(crate) fn count(&self, call: Call) -> usize {
        self.script().calls.get(&call).copied().unwrap_or(0)
    }

    /// Waits until a call hangs.
    pub(crate) async fn hangs(&self) {
        let mut changed = self.changed.subscribe();
        let hangs = |_: &()| self.script().hanging > 0;
        // The sender is here.
        drop(changed.wait_for(hangs).await);
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A page as of a log on disk: it ends before what cannot be read.
    async fn page(
        &self,
        name: &ChannelName,
        after: u64,
        limit: ReadLimit,
    ) -> Result<Page, ReadError> {
        let mut page = self.inner.read(name, after, limit).await?;
        let behind = self.script().reads.keys().find(|at| **at > after).copied();
        if let Some(end) = behind.filter(|end| *end < page.next) {
            let kept = (page.events.len() as u64).saturating_sub(page.next - end);
            page.events.truncate(usize::try_from(kept).expect("few"));
            page.next = end;
        }
        Ok(page)
    }

    /// Counts a call, and has it end as is set.
    async fn enter(&self, call: Call) -> Result<(), StorageFault> {
        let fate = {
            let script = &mut *self.script();
            *script.calls.entry(call).or_default() += 1;
            match script.fates.get_mut(&call) {
                Some((passing, _)) if *passing > 0 => {
                    *passing -= 1;
                    None
                }
                Some((_, fate)) => Some(fate.clone()),
                None => None,
            }
        };
        match fate {
            None => Ok(()),
            Some(Fate::Fails) => Err(StorageFault::new("the test has it fail")),
            Some(Fate::Hangs) => {
                let hanging = Hanging::new(self);
                let mut changed = self.changed.subscribe();
                let is_over = |_: &()| !self.script().fates.contains_key(&call);
                drop(changed.wait_for(is_over).await);
                drop(hanging);
                Ok(())
            }
        }
    }
}

/// A call that hangs, until it is dropped.
struct Hanging<'e>(&'e TestEngine);

impl<'e> Hanging<'e> {
    fn new(engine: &'e TestEngine) -> Self {
        engine.script().hanging += 1;
        engine.changed.send_replace(());
        Self(engine)
    }
}

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.0.script().hanging -= 1;
    }
}

impl Engine for TestEngine {
    fn create<'a>(
        &'a self,
        name: &'a ChannelName,
        settings: &'a LogSettings,
    ) -> EngineFuture<'a, Result<ChannelInfo, CreateError>> {
        Box::pin(async move {
            self.enter(Call::Create)
                .await
                .map_err(CreateError::Storage)?;
            self.inner.create(name, settings).await
        })
    }

    fn change<'a>(
        &'a self,
        name: &'a ChannelName,
        settings: &'a LogSettings,
    ) -> EngineFuture<'a, Result<ChannelInfo, ChangeError>> {
        Box::pin(async move {
            self.enter(Call::Change)
                .await
                .map_err(ChangeError::Storage)?;
            self.inner.change(name, settings).await
        })
    }

    fn remove<'a>(&'a self, name: &'a ChannelName) -> EngineFuture<'a, Result<(), ChannelError>> {
        Box::pin(async move {
            self.enter(Call::Remove)
                .await
                .map_err(ChannelError::Storage)?;
            self.inner.remove(name).await
        })
    }

    fn channels(&self) -> Vec<ChannelInfo> {
        self.inner.channels()
    }

    fn info(&self, name: &ChannelName) -> Option<ChannelInfo> {
        self.inner.info(name)
    }

    fn append<'a>(
        &'a self,
        name: &'a ChannelName,
        batch: Batch,
        expected: Expected,
    ) -> EngineFuture<'a, Result<Appended, AppendError>> {
        Box::pin(async move {
            self.enter(Call::Append)
                .await
                .map_err(AppendError::StorageFailed)?;
            self.inner.append(name, batch, expected).await
        })
    }

    fn read<'a>(
        &'a self,
        name: &'a ChannelName,
        after: u64,
        limit: ReadLimit,
    ) -> EngineFuture<'a, Result<Page, ReadError>> {
        Box::pin(async move {
            self.enter(Call::Read).await.map_err(ReadError::Storage)?;
            let failing = self.script().reads.get(&after).cloned();
            if let Some(error) = failing {
                return Err(error);
            }
            let damage = self.script().damage;
            let Some(Damage::There(span) | Damage::GivenUp(span)) = damage else {
                return self.page(name, after, limit).await;
            };
            if span.contains(after + 1) {
                if let Some(Damage::There(span)) = damage {
                    return Err(ReadError::Damaged(span));
                }
                let page = self.page(name, span.last, limit).await?;
                let gap = Span::new(after + 1, span.last);
                return Ok(Page { gap, ..page });
            }
            let before = usize::try_from(span.first.saturating_sub(after + 1)).unwrap_or(0);
            let events = match after < span.first {
                true => limit.events.min(before),
                false => limit.events,
            };
            self.page(name, after, ReadLimit { events, ..limit }).await
        })
    }

    /// The newest event is, as of a log on disk.
    fn is_in_memory(&self, name: &ChannelName, after: u64) -> bool {
        let Some(tail) = self.inner.tail(name) else {
            return true;
        };
        let last = tail.borrow().last;
        last <= after.saturating_add(1)
    }

    fn since<'a>(
        &'a self,
        name: &'a ChannelName,
        time: u64,
    ) -> EngineFuture<'a, Result<u64, ReadError>> {
        Box::pin(async move {
            self.enter(Call::Since).await.map_err(ReadError::Storage)?;
            self.inner.since(name, time).await
        })
    }

    fn tail(&self, name: &ChannelName) -> Option<watch::Receiver<Bounds>> {
        self.inner.tail(name)
    }

    fn trim<'a>(
        &'a self,
        name: &'a ChannelName,
        before: u64,
    ) -> EngineFuture<'a, Result<Bounds, ChannelError>> {
        Box::pin(async move {
            self.enter(Call::Trim)
                .await
                .map_err(ChannelError::Storage)?;
            self.inner.trim(name, before).await
        })
    }

    fn keep<'a>(
        &'a self,
        name: &'a ChannelName,
        from: Option<u64>,
    ) -> EngineFuture<'a, Result<(), ChannelError>> {
        Box::pin(async move {
            self.enter(Call::Keep)
                .await
                .map_err(ChannelError::Storage)?;
            self.inner.keep(name, from).await
        })
    }

    fn enforce(&self) -> EngineFuture<'_, ()> {
        self.inner.enforce()
    }

    fn cell<'a>(
        &'a self,
        name: &'a ChannelName,
        key: &'a str,
    ) -> EngineFuture<'a, Result<Option<Cell>, CellError>> {
        Box::pin(async move {
            self.enter(Call::Cell).await.map_err(CellError::Storage)?;
            self.inner.cell(name, key).await
        })
    }

    fn cells<'a>(
        &'a self,
        name: &'a ChannelName,
        range: CellRange,
    ) -> EngineFuture<'a, Result<Vec<CellRow>, CellError>> {
        Box::pin(async move {
            self.enter(Call::Cells).await.map_err(CellError::Storage)?;
            self.inner.cells(name, range).await
        })
    }

    fn change_cells<'a>(
        &'a self,
        name: &'a ChannelName,
        changes: Vec<CellChange>,
        durable: bool,
    ) -> EngineFuture<'a, Result<Vec<u64>, CellError>> {
        Box::pin(async move {
            let is_index = |change: &CellChange| change.key.starts_with("index");
            let call = match changes.first().is_some_and(is_index) {
                true => Call::ChangeIndex,
                false => Call::ChangeCells,
            };
            self.enter(call).await.map_err(CellError::Storage)?;
            self.inner.change_cells(name, changes, durable).await
        })
    }

    fn claim<'a>(
        &'a self,
        name: &'a ChannelName,
        key: &'a str,
        time: Duration,
    ) -> EngineFuture<'a, Result<Claim, ChannelError>> {
        self.inner.claim(name, key, time)
    }

    fn verify<'a>(
        &'a self,
        name: &'a ChannelName,
    ) -> EngineFuture<'a, Result<Vec<Span>, ChannelError>> {
        Box::pin(async move {
            self.enter(Call::Verify)
                .await
                .map_err(ChannelError::Storage)?;
            self.inner.verify(name).await
        })
    }

    fn repair<'a>(
        &'a self,
        name: &'a ChannelName,
    ) -> EngineFuture<'a, Result<Vec<Span>, ChannelError>> {
        Box::pin(async move {
            self.enter(Call::Repair)
                .await
                .map_err(ChannelError::Storage)?;
            let damage = self.script().damage;
            if let Some(Damage::There(span) | Damage::GivenUp(span)) = damage {
                self.script().damage = Some(Damage::GivenUp(span));
                return Ok(vec![span]);
            }
            self.inner.repair(name).await
        })
    }

    fn counters(&self) -> Counters {
        self.inner.counters()
    }

    fn close(&self) -> EngineFuture<'_, ()> {
        self.inner.close()
    }
}
