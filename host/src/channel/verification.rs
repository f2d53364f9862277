//! The verification of a channel that is under way.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hearken_channel_log::{ChannelError, Span};
use tokio::sync::watch;
use tokio::time::Instant;

/// How long what was found is kept for whoever asks again.
const KEPT: Duration = Duration::from_secs(600);

/// What was found, and when.
pub(super) type Outcome = Option<(Instant, Result<Vec<Span>, ChannelError>)>;

/// The verification of a channel that is under way, or that nobody has been told of.
#[derive(Debug, Default)]
pub(super) struct Verification(Mutex<Option<watch::Receiver<Outcome>>>);

impl Verification {
    /// Joins it, or the one that is begun with where its outcome is told.
    pub(super) fn join(
        &self,
        begin: impl FnOnce(watch::Sender<Outcome>),
    ) -> watch::Receiver<Outcome> {
        let mut current = self.lock();
        if let Some(outcome) = current.as_ref().filter(|outcome| may_answer(outcome)) {
            return outcome.clone();
        }
        let (tell, outcome) = watch::channel(None);
        begin(tell);
        *current = Some(outcome.clone());
        outcome
    }

    /// Forgets it, once somebody was told.
    pub(super) fn told(&self, outcome: &watch::Receiver<Outcome>) {
        let mut current = self.lock();
        if current.as_ref().is_some_and(|it| it.same_channel(outcome)) {
            *current = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<watch::Receiver<Outcome>>> {
        // Only replaced as a whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether somebody may be answered by it: one that has ended without an outcome never is.
fn may_answer(outcome: &watch::Receiver<Outcome>) -> bool {
    let has_ended = outcome.has_changed().is_err();
    match &*outcome.borrow() {
        None => !has_ended,
        Some((at, _)) => at.elapsed() < KEPT,
    }
}
