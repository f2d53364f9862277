//! What an engine takes from outside.

use std::fmt::Debug;

/// Time and randomness: from the machine, or from a simulation.
pub trait Environment: Debug + Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now_millis(&self) -> u64;

    /// Milliseconds since some moment, which nobody can set: by these the time of day is
    /// judged before anything is dropped for being old.
    fn monotonic_millis(&self) -> u64;

    /// 64 random bits, which nobody outside can foresee.
    fn random(&self) -> u64;
}
