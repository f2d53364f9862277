//! What is known here of the log of a durable channel of another node.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hearken_channel_log::{Bounds, Epoch};
use tokio::sync::Notify;

use super::name::ChannelName;

/// The log of a durable channel of another node.
#[derive(Debug)]
pub(super) struct FarLog {
    pub(super) name: ChannelName,
    /// Name of the node; another start of it has the log too.
    pub(super) node: Arc<str>,
    pub(super) epoch: Epoch,
    state: Mutex<FarState>,
    /// Tells that it has changed.
    changed: Notify,
}

/// How far a log goes, as far as is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FarState {
    pub(super) bounds: Bounds,
    /// Number up to which events are known to be missing.
    pub(super) missing: u64,
    /// Number up to which some are damaged; 0 if none are.
    pub(super) damaged: u64,
    /// Whether it is of no namespace there.
    pub(super) is_declared: bool,
    pub(super) is_removed: bool,
}

impl FarLog {
    /// The log of this epoch, of which the node of that name has said how far it goes.
    pub(super) fn new(name: ChannelName, node: Arc<str>, epoch: Epoch, state: FarState) -> Self {
        Self {
            name,
            node,
            epoch,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    /// How far it goes.
    pub(super) fn state(&self) -> FarState {
        *self.lock()
    }

    /// Its node says how far it goes.
    pub(super) fn set(&self, state: FarState) {
        let mut known = self.lock();
        // What was said before may come behind.
        if state.bounds.last >= known.bounds.last || state.is_removed {
            *known = state;
        }
        drop(known);
        self.changed.notify_waiters();
    }

    /// It goes at least that far.
    pub(super) fn reach(&self, last: u64) {
        let mut state = self.lock();
        state.bounds.last = state.bounds.last.max(last);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Events up to that number are missing.
    pub(super) fn note_missing(&self, number: u64) {
        let mut state = self.lock();
        state.missing = state.missing.max(number);
    }

    /// It is gone.
    pub(super) fn remove(&self) {
        self.lock().is_removed = true;
        self.changed.notify_waiters();
    }

    /// Waits until there is more than up to that number; whether it is still there.
    pub(super) async fn beyond(&self, position: u64) -> bool {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Before it is looked at, so that nothing is missed.
            changed.as_mut().enable();
            let state = self.state();
            if state.is_removed {
                return false;
            }
            if state.bounds.last > position {
                return true;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, FarState> {
        // Nothing in here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(last: u64) -> FarState {
        FarState {
            bounds: Bounds { first: 1, last },
            missing: 0,
            damaged: 0,
            is_declared: true,
            is_removed: false,
        }
    }

    #[tokio::test]
    async fn whoever_waits_for_more_is_told_when_there_is_or_never_will_be() {
        let name = ChannelName::new("orders").unwrap();
        let epoch = "00f1e2d3c4b5a697".parse().unwrap();
        let log = Arc::new(FarLog::new(name, "b".into(), epoch, state(3)));
        assert!(log.beyond(2).await);
        let waiting = tokio::spawn({
            let log = Arc::clone(&log);
            async move { (log.beyond(3).await, log.beyond(9).await) }
        });
        tokio::task::yield_now().await;
        log.reach(5);
        // What comes late takes nothing back.
        log.reach(4);
        log.set(state(4));
        assert_eq!(log.state().bounds.last, 5);
        tokio::task::yield_now().await;
        log.remove();
        assert_eq!(waiting.await.unwrap(), (true, false));
    }
}
