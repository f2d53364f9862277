//! An engine, its disk, and what the model knows of them.

mod damage;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hearken_channel_log::conformance::ManualEnvironment;
use hearken_channel_log::disk::{DiskEngine, DiskSettings, OpenError, Steps};
use hearken_channel_log::{
    AppendError, Appended, Bounds, ChannelInfo, ChannelName, Engine as _, Environment as _,
    FullBecause, LogSettings, Page, ReadError, ReadLimit,
};

use super::{Outcome, choices};
use crate::Random;
use crate::disk::Disk;
use crate::model::{ModelCells, ModelLog, Submitted};

/// The channels that there are in a run, or not.
const NAMES: [&str; 4] = ["orders", "carts", "dead.mail", "a/b:c"];

/// An engine, its disk, and what the model knows of them.
pub(super) struct World {
    pub(super) random: Random,
    pub(super) environment: Arc<ManualEnvironment>,
    pub(super) disk: Disk,
    pub(super) engine: Option<(Arc<DiskEngine>, Steps)>,
    pub(super) channels: BTreeMap<ChannelName, Known>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) next_id: u64,
    /// Whether the disk is full now and then.
    pub(super) may_be_full: bool,
    /// Whether it may have room for nothing more at a start, which must open all the same.
    pub(super) may_start_full: bool,
    /// Whether it may at one of damaged logs,
    pub(super) may_start_full_and_damaged: bool,
    /// and what that follows from: apart from all else, which follows from a seed as ever.
    aside: Random,
    /// Whether it had none when the engine was opened.
    pub(super) was_full: bool,
    /// Whether it was opened before.
    pub(super) is_old: bool,
    /// Whether the catalogue may be lost.
    pub(super) may_lose_catalogue: bool,
    /// Whether it was lost, and no start has come to its end since.
    pub(super) is_being_made: bool,
    /// The latest that the clock has said and meant.
    latest: u64,
    /// Groups that may have been written.
    pub(super) group: u64,
    /// What the disk had done wrong when the engine was opened.
    pub(super) faults: u64,
    /// Groups whose events may have been damaged since,
    pub(super) damage: u64,
    /// and those that were not found to be, of which only what was trimmed can be damaged.
    pub(super) trimmed_damage: u64,
    pub(super) outcome: Outcome,
}

/// What is known of a channel.
#[derive(Clone, Debug)]
pub(super) enum Known {
    /// It is there.
    There(Box<ModelLog>, ModelCells),
    /// It is not there.
    Missing,
    /// It is there, or not; if it is, and was there before, it is this one.
    Unsure(Option<(Box<ModelLog>, ModelCells)>),
}

/// An append that has no answer.
pub(super) struct Waiting {
    pub(super) name: ChannelName,
    pub(super) batch: Submitted,
    answer: Pin<Box<dyn Future<Output = Result<Appended, AppendError>> + Send>>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: choices(seed),
            environment: Arc::new(ManualEnvironment::default()),
            disk: Disk::new(seed),
            engine: None,
            channels: BTreeMap::new(),
            waiting: Vec::new(),
            next_id: 1,
            may_be_full: false,
            may_start_full: false,
            may_start_full_and_damaged: false,
            aside: choices(seed ^ 0x000a_51de),
            was_full: false,
            is_old: false,
            may_lose_catalogue: false,
            is_being_made: false,
            latest: 0,
            group: 0,
            faults: 0,
            damage: 0,
            trimmed_damage: 0,
            outcome: Outcome::default(),
        }
    }

    /// Whether the disk has room for nothing more at a start.
    pub(super) fn starts_full(&mut self) -> bool {
        self.may_start_full && self.random.chance(500)
            || self.may_start_full_and_damaged && self.aside.chance(500)
    }

    pub(super) fn any_name(&mut self) -> ChannelName {
        let index = usize::try_from(self.random.below(NAMES.len() as u64)).unwrap_or(0);
        ChannelName::new(NAMES[index]).expect("the names are valid")
    }

    pub(super) fn open(&self) -> Result<(Arc<DiskEngine>, Steps), OpenError> {
        self.open_on(&self.disk)
    }

    /// Opens what another disk has.
    fn open_on(&self, disk: &Disk) -> Result<(Arc<DiskEngine>, Steps), OpenError> {
        let settings = DiskSettings {
            folder: PathBuf::from("/channels"),
            max_bytes: 1 << 30,
            max_channels: 100,
        };
        let environment = Arc::clone(&self.environment);
        let device = Arc::new(disk.clone());
        let (engine, steps) = DiskEngine::open_stepped(environment, device, settings)?;
        Ok((Arc::new(engine), steps))
    }

    pub(super) fn engine(&self) -> Arc<DiskEngine> {
        let (engine, _) = self.engine.as_ref().expect("the engine is open");
        Arc::clone(engine)
    }

    pub(super) fn steps(&mut self) -> &mut Steps {
        let (_, steps) = self.engine.as_mut().expect("the engine is open");
        steps
    }

    /// The logs that are there, or may be.
    pub(super) fn logs(&mut self) -> impl Iterator<Item = &mut ModelLog> {
        let known = self.channels.values_mut();
        known.filter_map(|known| match known {
            Known::There(log, _) | Known::Unsure(Some((log, _))) => Some(&mut **log),
            Known::Missing | Known::Unsure(None) => None,
        })
    }

    /// Makes a group of what waits.
    pub(super) fn commit(&mut self) {
        self.group += 1;
        self.steps().commit();
    }

    /// Whether the disk has done something wrong since the engine was opened, or had no room
    /// then.
    pub(super) fn has_failed(&self) -> bool {
        self.was_full || self.disk.faults() > self.faults
    }

    /// When an event must have been recorded for its key to be remembered.
    pub(super) fn since(&self) -> u64 {
        let window = LogSettings::default().dedupe.as_millis();
        let window = u64::try_from(window).unwrap_or(u64::MAX);
        self.latest.saturating_sub(window)
    }

    /// Submits an append.
    pub(super) fn submit(
        &mut self,
        name: &ChannelName,
        batch: Submitted,
        answer: impl Future<Output = Result<Appended, AppendError>> + Send + 'static,
    ) {
        let mut waiting = Waiting {
            name: name.clone(),
            batch,
            answer: Box::pin(answer),
        };
        match poll(waiting.answer.as_mut()) {
            // It could not even wait.
            Some(answer) => {
                debug_assert!(answer.is_err(), "nothing is stored at once");
                self.outcome.refused += 1;
            }
            None => self.waiting.push(waiting),
        }
    }

    /// Takes the answers that there are.
    pub(super) fn take_answers(&mut self) -> Result<(), String> {
        let gone = self.disk.is_stopped();
        for mut waiting in std::mem::take(&mut self.waiting) {
            let Some(answer) = poll(waiting.answer.as_mut()) else {
                self.waiting.push(waiting);
                continue;
            };
            // A process that is gone has told nobody anything.
            let answer = if gone { None } else { Some(answer) };
            self.answered(&waiting.name, waiting.batch, answer)?;
        }
        Ok(())
    }

    fn answered(
        &mut self,
        name: &ChannelName,
        batch: Submitted,
        answer: Option<Result<Appended, AppendError>>,
    ) -> Result<(), String> {
        let (group, since) = (self.group, self.since());
        let has_failed = self.has_failed();
        let log = match self.channels.get_mut(name) {
            Some(Known::There(log, _) | Known::Unsure(Some((log, _)))) => log,
            _ => return Ok(()),
        };
        match answer {
            Some(Ok(appended)) if appended.epoch == log.epoch => {
                self.outcome.appends += 1;
                let checked = log.acknowledge(&batch, &appended, (group, since));
                checked.map_err(|what| format!("{name}: {what}"))
            }
            // Of the channel that had the name before.
            Some(Ok(_)) => Ok(()),
            Some(Err(AppendError::Unknown(_))) if !has_failed => {
                Err(format!("{name}: unknown though the disk has not failed"))
            }
            Some(Err(AppendError::Unknown(_))) | None => {
                self.outcome.unknown += 1;
                log.is_unsure(batch);
                Ok(())
            }
            Some(Err(error)) => {
                self.outcome.refused += 1;
                let may_be = match &error {
                    AppendError::Full(FullBecause::Channel) => log.refuses(),
                    AppendError::Full(FullBecause::Kept) => log.keeps(),
                    AppendError::Full(FullBecause::Disk) | AppendError::StorageFailed(_) => {
                        has_failed
                    }
                    AppendError::Damaged => log.is_damaged(),
                    AppendError::TooLarge { .. } => log.is_small(),
                    AppendError::Conflict { .. }
                    | AppendError::NoChannel(_)
                    | AppendError::Overloaded => true,
                    _ => false,
                };
                if may_be {
                    return Ok(());
                }
                Err(format!("{name}: refused: {error}"))
            }
        }
    }

    /// Nobody gets an answer any more.
    pub(super) fn lose_answers(&mut self) -> Result<(), String> {
        for waiting in std::mem::take(&mut self.waiting) {
            self.answered(&waiting.name, waiting.batch, None)?;
        }
        Ok(())
    }

    /// Reads all of a channel that is there.
    pub(super) fn read_all(&self, name: &ChannelName) -> Vec<(u64, Result<Page, ReadError>)> {
        let engine = self.engine();
        let mut after = 0;
        let mut read = Vec::new();
        loop {
            let limit = ReadLimit {
                events: 50,
                bytes: 64 << 10,
            };
            let page = now(engine.read(name, after, limit));
            let next = match &page {
                Ok(page) => page.next,
                Err(ReadError::Damaged(span)) => span.last,
                Err(_) => after,
            };
            read.push((after, page));
            if next <= after {
                return read;
            }
            after = next;
        }
    }

    pub(super) fn pass_time(&mut self) {
        let millis = match self.random.below(200) {
            0 => self.random.below(300_000),
            _ => self.random.below(50),
        };
        self.environment.advance(Duration::from_millis(millis));
        let now = self.environment.now_millis();
        self.latest = self.latest.max(now);
        for log in self.logs() {
            log.drop_by_age(now);
        }
        if self.random.chance(5) {
            // Not so long that keys are forgotten that the clock would have remembered.
            self.environment.set_back(Duration::from_millis(millis));
        }
    }

    /// The clock jumps, and somebody looks for what is too old.
    pub(super) fn jump(&mut self) {
        const FAR: Duration = Duration::from_hours(24 * 365);
        self.environment.set_forward(FAR);
        self.steps().tidy();
        self.environment.set_back(FAR);
    }
}

/// The bounds that are told of a channel.
pub(super) fn bounds(info: &ChannelInfo) -> Bounds {
    Bounds {
        first: info.first,
        last: info.last,
    }
}

/// What a future gives, if it is there.
pub(super) fn poll<T>(future: Pin<&mut (dyn Future<Output = T> + Send)>) -> Option<T> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// What a future gives that waits for nothing.
///
/// # Panics
/// When it waits.
pub(super) fn now<T>(future: impl Future<Output = T> + Send) -> T {
    let mut future = Box::pin(future);
    let done = poll(future.as_mut());
    done.expect("what needs no thread is there at once")
}
