//! What an engine takes from outside.

use std::fmt::Debug;

/// The time of day and randomness: from the machine, or from a simulation.
pub trait Environment: Debug + Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now_millis(&self) -> u64;

    /// 64 random bits, which nobody outside can foresee.
    fn random(&self) -> u64;
}
