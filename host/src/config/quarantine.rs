//! How long a quarantined plugin rests before one event is tried.

use std::time::Duration;

/// The pauses of a quarantine, each twice as long as the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuarantinePauses {
    /// Before the first event is tried.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Default for QuarantinePauses {
    /// From a minute to an hour.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(60),
            longest: Duration::from_secs(60 * 60),
        }
    }
}

impl QuarantinePauses {
    /// The pause before the event that is tried after so many failed tries.
    #[must_use]
    pub fn after(&self, failed_tries: u32) -> Duration {
        let doubled = 2_u32.checked_pow(failed_tries);
        let pause = doubled.and_then(|doubled| self.first.checked_mul(doubled));
        pause.map_or(self.longest, |pause| pause.min(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses = QuarantinePauses::default();
        let minutes = |tries| pauses.after(tries).as_secs() / 60;
        let first: Vec<u64> = (0..8).map(minutes).collect();
        assert_eq!(first, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(minutes(u32::MAX), 60);
    }
}
