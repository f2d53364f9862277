//! The first event after a quarantine, which decides whether it is over.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// Lets one event through, whichever worker has it; the others wait for what becomes
/// of it.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    claimed: AtomicBool,
    passed: CancellationToken,
}

impl Trial {
    /// Takes the right to try an event; returns whether it was still to be had.
    pub(crate) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::Relaxed)
    }

    /// The event was handled: the others go on.
    pub(crate) fn pass(&self) {
        self.passed.cancel();
    }

    /// Waits until the event was handled. If it fails, the trial ends with the workers.
    pub(crate) async fn passed(&self) {
        self.passed.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_event_is_let_through_and_the_others_after_it() {
        let trial = Trial::default();
        assert!(trial.claim());
        assert!(!trial.claim());
        let waiting = trial.passed();
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        trial.pass();
        waiting.await;
    }
}
