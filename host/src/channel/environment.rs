//! What engines take from the node: time, and randomness.

use std::fmt;
use std::sync::Arc;

use hearken_channel_log::Environment;
use tokio::time::Instant;

use crate::clock::Clock;

/// The node's clock and the system's randomness.
pub struct NodeEnvironment {
    clock: Arc<dyn Clock>,
    start: Instant,
}

impl NodeEnvironment {
    /// With this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            start: Instant::now(),
        }
    }
}

impl Environment for NodeEnvironment {
    fn now_millis(&self) -> u64 {
        self.clock.now_millis()
    }

    fn monotonic_millis(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn random(&self) -> u64 {
        rand::random()
    }
}

impl fmt::Debug for NodeEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeEnvironment").finish_non_exhaustive()
    }
}
