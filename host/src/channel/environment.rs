//! What engines take from the node: the time of day, and randomness.

use std::fmt;
use std::sync::Arc;

use hearken_channel_log::Environment;

use crate::clock::Clock;

/// The node's clock and the system's randomness.
pub struct NodeEnvironment(Arc<dyn Clock>);

impl NodeEnvironment {
    /// With this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(clock)
    }
}

impl Environment for NodeEnvironment {
    fn now_millis(&self) -> u64 {
        self.0.now_millis()
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
