//! The settings that hold at the moment.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::state::State;
use crate::clock::Clock;

/// The settings that hold, and the time that it is.
pub(super) struct Current {
    state: watch::Sender<Arc<State>>,
    clock: Arc<dyn Clock>,
}

impl Current {
    pub(super) fn new(state: State, clock: Arc<dyn Clock>) -> Self {
        Self {
            state: watch::Sender::new(Arc::new(state)),
            clock,
        }
    }

    /// What holds now.
    pub(super) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.borrow())
    }

    /// Tells of every change from now on.
    pub(super) fn changes(&self) -> watch::Receiver<Arc<State>> {
        self.state.subscribe()
    }

    /// From now on this holds.
    pub(super) fn replace(&self, state: State) {
        self.state.send_replace(Arc::new(state));
    }

    /// Milliseconds since the Unix epoch.
    pub(super) fn now(&self) -> u64 {
        self.clock.now_millis()
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Current")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
