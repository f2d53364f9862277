//! What waits for the writer.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::error::RecordError;
use super::fair::{FairQueue, Next};
use super::records::author::Author;
use super::records::change::Change;

/// Bytes of all changes that wait, of all plugins; beyond it they are refused. Each
/// plugin is held to its share before.
const MAX_BYTES: usize = 128 << 20;

/// A change that somebody waits for.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) author: Arc<Author>,
    pub(super) bucket: Arc<str>,
    pub(super) change: Change,
    /// Closed when nobody waits any more.
    pub(super) reply: oneshot::Sender<Result<u64, RecordError>>,
    /// The room that the change takes of its plugin's.
    pub(super) _room: OwnedSemaphorePermit,
}

/// What the writer is to do.
#[derive(Debug)]
pub(super) enum Work {
    /// Make these changes.
    Commit(Vec<Call>),
    /// Open the database again: a reader saw it fail.
    Reopen(Arc<str>),
    /// End.
    Close,
}

/// Between those who want changes and the writer.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: FairQueue<Call>,
    failed: Option<Arc<str>>,
    closing: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a change wait for the writer.
    ///
    /// # Errors
    /// [`RecordError::Busy`] when too many wait, [`RecordError::Stopping`].
    pub(super) fn push(&self, call: Call) -> Result<(), RecordError> {
        let mut state = self.lock();
        if state.closing {
            return Err(RecordError::Stopping);
        }
        let bytes = call.change.bytes();
        if state.waiting.bytes().saturating_add(bytes) > MAX_BYTES {
            return Err(RecordError::Busy);
        }
        let who = Arc::clone(&call.author.plugin);
        let work = call.change.work();
        state.waiting.push(&who, call, bytes, work, Instant::now());
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Tells the writer that the database has failed.
    pub(super) fn fail(&self, reason: Arc<str>) {
        self.lock().failed.get_or_insert(reason);
        self.changed.notify_one();
    }

    /// Ends the writer.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_one();
    }

    /// Waits for work.
    pub(super) fn next(&self) -> Work {
        let mut state = self.lock();
        loop {
            if state.closing {
                return Work::Close;
            }
            if let Some(reason) = state.failed.take() {
                return Work::Reopen(reason);
            }
            let now = Instant::now();
            state = match state.waiting.next(now) {
                Next::Group(calls) => return Work::Commit(calls),
                Next::At(then) => self.wait(state, then.saturating_duration_since(now)),
                Next::Nothing => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Takes all that waits, and forgets what readers have seen fail.
    pub(super) fn take_all(&self) -> Vec<Call> {
        let mut state = self.lock();
        state.failed = None;
        state.waiting.take_all()
    }

    /// Waits for so long; returns whether the writer is to end.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut state = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.closing || left.is_zero() {
                return state.closing;
            }
            state = self.wait(state, left);
        }
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, at_most: Duration) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout(state, at_most);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
