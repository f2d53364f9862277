//! The one writer: commits what waits in groups, and opens the database again when
//! it has failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use redb::{Builder, Database};
use tokio::time::Instant;

use super::disk::Disk;
use super::error::RecordError;
use super::queue::{Call, Work};
use super::records::change::{Announcement, Tables};
use super::state::StoreState;
use super::tables;
use crate::panics::panic_text;

/// Memory that the database may use to cache pages.
const CACHE_BYTES: usize = 64 << 20;

/// Before the first attempt to open a database that failed.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Between two attempts: they double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A database that works for so long begins anew with [`FIRST_PAUSE`].
const STEADY: Duration = Duration::from_secs(30);

/// What the disk must take before the database counts as working: a disk that is all
/// but full takes a small change and fails the next.
const PROBE_BYTES: usize = 256 << 10;

/// Commits changes until the store is closed.
pub(super) struct Writer {
    state: Arc<StoreState>,
    disk: Box<dyn Disk>,
    pause: Duration,
    opened: Instant,
}

/// Opens the database for the first time.
///
/// # Errors
/// Why it cannot be.
pub(super) fn open(disk: &dyn Disk) -> Result<Database, String> {
    guarded(|| {
        let mut builder = Builder::new();
        let database = disk.open(builder.set_cache_size(CACHE_BYTES))?;
        tables::make(&database)?;
        Ok(database)
    })
}

/// Opens a database that has failed: checked, and with the proof that it takes changes.
fn reopen(disk: &dyn Disk) -> Result<Database, String> {
    guarded(|| {
        let mut builder = Builder::new();
        builder
            .set_cache_size(CACHE_BYTES)
            .set_check_integrity_on_open(true);
        let database = disk.reopen(&builder)?;
        tables::make(&database)?;
        tables::probe(&database, PROBE_BYTES)?;
        Ok(database)
    })
}

/// Turns errors of the database into text, and its panics too: a damaged file may
/// lead to either.
fn guarded<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(format!("it panicked: {}", panic_text(&*panic))),
    }
}

impl Writer {
    pub(super) fn new(state: Arc<StoreState>, disk: Box<dyn Disk>) -> Self {
        Self {
            state,
            disk,
            pause: FIRST_PAUSE,
            opened: Instant::now(),
        }
    }

    /// Works until the store is closed, and closes the database.
    pub(super) fn run(mut self) {
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.work())) {
                Ok(true) => {}
                Ok(false) => break,
                Err(panic) => {
                    let reason = format!("its writer panicked: {}", panic_text(&*panic));
                    // What it says may itself panic when it is dropped.
                    std::mem::forget(panic);
                    let reason: Arc<str> = reason.into();
                    self.state.health.fails(&reason);
                    self.state.queue.fail(reason);
                    // Whatever panics again and again leaves time to others.
                    self.state.queue.pause(FIRST_PAUSE);
                }
            }
        }
        // Before the disk, which may not answer.
        refuse(self.state.queue.take_all(), &RecordError::Stopping);
        self.close();
    }

    /// Does what comes next; returns whether more may come.
    fn work(&mut self) -> bool {
        match self.state.queue.next() {
            Work::Commit(calls) => {
                if let Err(reason) = self.commit(calls) {
                    self.heal(reason);
                }
            }
            Work::Reopen(reason) => self.heal(reason),
            Work::Close => return false,
        }
        true
    }

    /// Makes the changes of a group, all in one transaction; tells those who wait, and
    /// everybody who listens.
    fn commit(&self, mut calls: Vec<Call>) -> Result<(), Arc<str>> {
        calls.retain(|call| !call.reply.is_closed());
        if calls.is_empty() {
            return Ok(());
        }
        let done = {
            let database = self.state.database.read();
            let database = database.unwrap_or_else(PoisonError::into_inner);
            let database = database.as_ref().ok_or("it is closed")?;
            guarded(|| change(database, &calls))
        };
        let done = match done {
            Ok(done) => done,
            Err(reason) => {
                let reason: Arc<str> = reason.into();
                // First, so that whoever is refused finds it told.
                self.state.health.fails(&reason);
                refuse(calls, &RecordError::Store(Arc::clone(&reason)));
                return Err(reason);
            }
        };
        for (call, done) in calls.into_iter().zip(done) {
            let answer = done.map(|(answer, announcements)| {
                for announcement in announcements {
                    call.author.announce(&call.bucket, announcement);
                }
                answer
            });
            // Whoever asked may have gone.
            let _ = call.reply.send(answer);
        }
        Ok(())
    }

    /// Opens the database again and again until it works.
    fn heal(&mut self, mut reason: Arc<str>) {
        if self.opened.elapsed() > STEADY {
            self.pause = FIRST_PAUSE;
        }
        self.state.health.fails(&reason);
        self.close();
        loop {
            let failed = RecordError::Store(Arc::clone(&reason));
            refuse(self.state.queue.take_all(), &failed);
            if self.state.queue.pause(self.pause) {
                return;
            }
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            match reopen(&*self.disk) {
                Ok(database) => {
                    self.put(Some(database));
                    self.opened = Instant::now();
                    self.state.health.works();
                    return;
                }
                Err(error) => {
                    reason = error.into();
                    self.state.health.fails(&reason);
                }
            }
        }
    }

    fn close(&self) {
        self.put(None);
    }

    fn put(&self, database: Option<Database>) {
        let slot = self.state.database.write();
        let mut slot = slot.unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *slot, database);
        drop(slot);
        // Closing waits for reads in hand, which must not find the slot locked.
        drop(old);
    }
}

impl Drop for Writer {
    /// Whatever has ended it: nobody else would ever answer those who wait for it.
    fn drop(&mut self) {
        self.state.queue.close();
        refuse(self.state.queue.take_all(), &RecordError::Stopping);
    }
}

/// What became of one change: its answer and what is to be announced, or why it was refused.
type Done = Result<(u64, Vec<Announcement>), RecordError>;

/// One transaction for all of the calls. A call that is refused changes nothing, and
/// keeps no other from its change.
fn change(database: &Database, calls: &[Call]) -> Result<Vec<Done>, redb::Error> {
    let transaction = database.begin_write()?;
    let mut done = Vec::with_capacity(calls.len());
    {
        let mut tables = Tables::open(&transaction)?;
        for call in calls {
            done.push(tables.apply(&call.bucket, &call.change)?);
        }
    }
    let changed = |done: &Done| matches!(done, Ok((_, announcements)) if !announcements.is_empty());
    if done.iter().any(changed) {
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    Ok(done)
}

fn refuse(calls: Vec<Call>, error: &RecordError) {
    for call in calls {
        // Whoever asked may have gone.
        let _ = call.reply.send(Err(error.clone()));
    }
}
