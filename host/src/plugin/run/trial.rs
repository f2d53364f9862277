//! The first event after a quarantine, which decides whether it is over.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Lets one event at a time through, whichever worker has it, until one was handled; the
/// others wait for what becomes of it.
#[derive(Debug)]
pub(crate) struct Trial {
    turn: Arc<Semaphore>,
    passed: CancellationToken,
}

/// The right to try an event, until it is dropped.
pub(crate) type Turn = OwnedSemaphorePermit;

impl Trial {
    pub(crate) fn new() -> Self {
        Self {
            turn: Arc::new(Semaphore::new(1)),
            passed: CancellationToken::new(),
        }
    }

    /// Waits for the right to try an event; nothing once one was handled. If one fails, the
    /// trial ends with the workers, unless that decides nothing: then it is another's turn.
    pub(crate) async fn turn(&self) -> Option<Turn> {
        tokio::select! {
            biased;
            () = self.passed.cancelled() => None,
            turn = Arc::clone(&self.turn).acquire_owned() => {
                Some(turn.expect("the semaphore is never closed"))
            }
        }
    }

    /// The event was handled: all go on.
    pub(crate) fn pass(&self) {
        self.passed.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_event_is_let_through_and_the_others_after_it() {
        let trial = Trial::new();
        let turn = trial.turn().await;
        assert!(turn.is_some());
        let waiting = trial.turn();
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        trial.pass();
        assert!(waiting.await.is_none());
        assert!(trial.turn().await.is_none());
    }

    #[tokio::test]
    async fn an_event_that_decides_nothing_leaves_its_turn_to_another() {
        let trial = Trial::new();
        let turn = trial.turn().await;
        let waiting = trial.turn();
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(turn);
        assert!(waiting.await.is_some());
    }
}
