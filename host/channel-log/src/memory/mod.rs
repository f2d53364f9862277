//! Logs that live as long as the process: for channels that need not survive it.

mod kept;
mod log;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;

use self::log::Log;
use crate::ageing::Ageing;
use crate::dedupe::Dedupe;
use crate::{
    AppendError, Appended, Batch, Bounds, Cell, CellChange, CellError, CellRange, CellRow,
    ChangeError, ChannelError, ChannelInfo, ChannelName, Claim, Counters, CreateError, Engine,
    EngineFuture, Environment, Epoch, Expected, LogSettings, Page, ReadError, ReadLimit, Span,
    StorageFault, cell,
};

/// How much all logs in memory take together.
#[derive(Clone, Copy, Debug)]
pub struct MemorySettings {
    /// Most bytes of all events; 256 MiB by default.
    pub max_bytes: u64,
    /// Most channels; 10,000 by default.
    pub max_channels: usize,
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self {
            max_bytes: 256 << 20,
            max_channels: 10_000,
        }
    }
}

/// Keeps logs in memory.
#[derive(Debug)]
pub struct Memory {
    environment: Arc<dyn Environment>,
    ageing: Ageing,
    settings: MemorySettings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    logs: BTreeMap<ChannelName, Log>,
    dedupe: Dedupe,
    /// Bytes of the events of all logs.
    bytes: u64,
    /// What the last log was called inside.
    last_id: u64,
    /// The version of the cell that was changed last.
    revision: u64,
    counters: Counters,
    closed: bool,
}

impl Memory {
    /// Keeps no log yet.
    #[must_use]
    pub fn new(environment: Arc<dyn Environment>, settings: MemorySettings) -> Self {
        Self {
            ageing: Ageing::new(environment.as_ref()),
            environment,
            settings,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.state.lock();
        state.expect("nobody panics while holding the logs")
    }

    /// What `with` makes of a channel whose settings have just been enforced.
    fn with<T, E>(
        &self,
        name: &ChannelName,
        missing: impl FnOnce(ChannelName) -> E,
        closed: impl FnOnce(StorageFault) -> E,
        with: impl FnOnce(&mut Log, &mut u64, u64) -> Result<T, E>,
    ) -> Result<T, E> {
        let now = self.ageing.now(self.environment.as_ref());
        let state = &mut *self.state();
        if state.closed {
            return Err(closed(StorageFault::closed()));
        }
        let Some(log) = state.logs.get_mut(name) else {
            return Err(missing(name.clone()));
        };
        let before = log.bytes();
        log.enforce(now);
        let result = with(log, &mut state.revision, now);
        state.bytes = state.bytes - before + log.bytes();
        result
    }

    fn create_now(
        &self,
        name: &ChannelName,
        settings: &LogSettings,
    ) -> Result<ChannelInfo, CreateError> {
        settings.check()?;
        let created = self.environment.now_millis();
        let epoch = Epoch::new(self.environment.random());
        let state = &mut *self.state();
        if state.closed {
            return Err(CreateError::Storage(StorageFault::closed()));
        }
        if state.logs.contains_key(name) {
            return Err(CreateError::Exists(name.clone()));
        }
        if state.logs.len() >= self.settings.max_channels {
            return Err(CreateError::TooMany(self.settings.max_channels));
        }
        state.last_id += 1;
        let log = Log::new(state.last_id, epoch, created, settings.clone());
        let info = log.info(name);
        state.logs.insert(name.clone(), log);
        Ok(info)
    }

    fn append_now(
        &self,
        name: &ChannelName,
        batch: Batch,
        expected: Expected,
    ) -> Result<Appended, AppendError> {
        let now = self.environment.now_millis();
        let age = self.ageing.now(self.environment.as_ref());
        let state = &mut *self.state();
        if state.closed {
            return Err(AppendError::StorageFailed(StorageFault::closed()));
        }
        let Some(log) = state.logs.get_mut(name) else {
            return Err(AppendError::NoChannel(name.clone()));
        };
        state.dedupe.sweep(age);
        let before = log.bytes();
        let room = self.settings.max_bytes.saturating_sub(state.bytes);
        let room = room.saturating_add(before);
        let result = log.append(batch, expected, (now, age), room, &mut state.dedupe);
        state.bytes = state.bytes - before + log.bytes();
        let appended = result?;
        let stored = appended
            .events
            .iter()
            .filter_map(|event| event.stored.as_ref());
        let (events, bytes) = stored.fold((0, 0), |(events, bytes), event| {
            (events + 1, bytes + event.len() as u64)
        });
        state.counters.appends += u64::from(events > 0);
        state.counters.events += events;
        state.counters.bytes += bytes;
        Ok(appended)
    }
}

/// The future of what is known at once.
fn ready<'a, T: Send + 'a>(value: T) -> EngineFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Engine for Memory {
    fn create<'a>(
        &'a self,
        name: &'a ChannelName,
        settings: &'a LogSettings,
    ) -> EngineFuture<'a, Result<ChannelInfo, CreateError>> {
        ready(self.create_now(name, settings))
    }

    fn change<'a>(
        &'a self,
        name: &'a ChannelName,
        settings: &'a LogSettings,
    ) -> EngineFuture<'a, Result<ChannelInfo, ChangeError>> {
        ready(settings.check().map_err(ChangeError::from).and_then(|()| {
            let change = |log: &mut Log, _: &mut u64, now| {
                log.change(settings.clone(), now);
                Ok(log.info(name))
            };
            self.with(name, ChangeError::NoChannel, ChangeError::Storage, change)
        }))
    }

    fn remove<'a>(&'a self, name: &'a ChannelName) -> EngineFuture<'a, Result<(), ChannelError>> {
        let state = &mut *self.state();
        if state.closed {
            return ready(Err(ChannelError::Storage(StorageFault::closed())));
        }
        ready(match state.logs.remove(name) {
            Some(log) => {
                state.bytes -= log.bytes();
                state.dedupe.forget(log.id());
                Ok(())
            }
            None => Err(ChannelError::NoChannel(name.clone())),
        })
    }

    fn channels(&self) -> Vec<ChannelInfo> {
        let state = self.state();
        let logs = state.logs.iter();
        logs.map(|(name, log)| log.info(name)).collect()
    }

    fn info(&self, name: &ChannelName) -> Option<ChannelInfo> {
        let state = self.state();
        state.logs.get(name).map(|log| log.info(name))
    }

    fn append<'a>(
        &'a self,
        name: &'a ChannelName,
        batch: Batch,
        expected: Expected,
    ) -> EngineFuture<'a, Result<Appended, AppendError>> {
        ready(self.append_now(name, batch, expected))
    }

    fn read<'a>(
        &'a self,
        name: &'a ChannelName,
        after: u64,
        limit: ReadLimit,
    ) -> EngineFuture<'a, Result<Page, ReadError>> {
        let read = |log: &mut Log, _: &mut u64, _| Ok(log.read(after, limit));
        ready(self.with(name, ReadError::NoChannel, ReadError::Storage, read))
    }

    fn since<'a>(
        &'a self,
        name: &'a ChannelName,
        time: u64,
    ) -> EngineFuture<'a, Result<u64, ReadError>> {
        let since = |log: &mut Log, _: &mut u64, _| Ok(log.since(time));
        ready(self.with(name, ReadError::NoChannel, ReadError::Storage, since))
    }

    fn is_in_memory(&self, _: &ChannelName, _: u64) -> bool {
        true
    }

    fn tail(&self, name: &ChannelName) -> Option<watch::Receiver<Bounds>> {
        self.state().logs.get(name).map(Log::tail)
    }

    fn trim<'a>(
        &'a self,
        name: &'a ChannelName,
        before: u64,
    ) -> EngineFuture<'a, Result<Bounds, ChannelError>> {
        let trim = |log: &mut Log, _: &mut u64, _| Ok(log.trim(before));
        ready(self.with(name, ChannelError::NoChannel, ChannelError::Storage, trim))
    }

    fn keep<'a>(
        &'a self,
        name: &'a ChannelName,
        from: Option<u64>,
    ) -> EngineFuture<'a, Result<(), ChannelError>> {
        let keep = |log: &mut Log, _: &mut u64, now| {
            log.keep(from, now);
            Ok(())
        };
        ready(self.with(name, ChannelError::NoChannel, ChannelError::Storage, keep))
    }

    fn enforce(&self) -> EngineFuture<'_, ()> {
        let now = self.ageing.now(self.environment.as_ref());
        let state = &mut *self.state();
        for log in state.logs.values_mut() {
            let before = log.bytes();
            log.enforce(now);
            state.bytes = state.bytes - before + log.bytes();
        }
        state.dedupe.sweep(now);
        ready(())
    }

    fn cell<'a>(
        &'a self,
        name: &'a ChannelName,
        key: &'a str,
    ) -> EngineFuture<'a, Result<Option<Cell>, CellError>> {
        let cell = |log: &mut Log, _: &mut u64, _| Ok(log.cell(key));
        ready(self.with(name, CellError::NoChannel, CellError::Storage, cell))
    }

    fn cells<'a>(
        &'a self,
        name: &'a ChannelName,
        range: CellRange,
    ) -> EngineFuture<'a, Result<Vec<CellRow>, CellError>> {
        let cells = |log: &mut Log, _: &mut u64, _| Ok(log.cells(&range));
        ready(self.with(name, CellError::NoChannel, CellError::Storage, cells))
    }

    fn change_cells<'a>(
        &'a self,
        name: &'a ChannelName,
        changes: Vec<CellChange>,
        _durable: bool,
    ) -> EngineFuture<'a, Result<Vec<u64>, CellError>> {
        ready(cell::check(&changes).and_then(|()| {
            let change = |log: &mut Log, revision: &mut u64, _| log.change_cells(changes, revision);
            self.with(name, CellError::NoChannel, CellError::Storage, change)
        }))
    }

    fn claim<'a>(
        &'a self,
        name: &'a ChannelName,
        _key: &'a str,
        _time: Duration,
    ) -> EngineFuture<'a, Result<Claim, ChannelError>> {
        let claim = |_: &mut Log, _: &mut u64, _| Ok(Claim::Held);
        ready(self.with(name, ChannelError::NoChannel, ChannelError::Storage, claim))
    }

    fn verify<'a>(
        &'a self,
        name: &'a ChannelName,
    ) -> EngineFuture<'a, Result<Vec<Span>, ChannelError>> {
        let verify = |_: &mut Log, _: &mut u64, _| Ok(Vec::new());
        ready(self.with(name, ChannelError::NoChannel, ChannelError::Storage, verify))
    }

    fn repair<'a>(
        &'a self,
        name: &'a ChannelName,
    ) -> EngineFuture<'a, Result<Vec<Span>, ChannelError>> {
        self.verify(name)
    }

    fn counters(&self) -> Counters {
        let state = self.state();
        Counters {
            dedupe_keys: state.dedupe.kept() as u64,
            dedupe_given_way: state.dedupe.given_way(),
            ..state.counters
        }
    }

    fn close(&self) -> EngineFuture<'_, ()> {
        let state = &mut *self.state();
        state.closed = true;
        state.logs.clear();
        ready(())
    }
}
