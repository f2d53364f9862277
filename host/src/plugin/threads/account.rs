//! What a task has used of the CPU lately, from one turn to the next: whoever uses
//! much in small pieces is found as well as who uses it in one.
//!
//! An account is a bucket: CPU that is used fills it, rest empties it. Waiting for a
//! turn is no rest, so that a task among many busy ones is not taken for a quiet one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Rest that makes up for CPU: so many times as much. Tasks that use less than a tenth
/// of a core are in the foreground for good.
const REST_FOR_CPU: u64 = 10;

/// Time slices that a task may use, turn after turn, and stay in the foreground, if it
/// has rested before.
const BURST_SLICES: u32 = 10;

/// Most tasks that what one may use is divided among: more would have next to nothing.
const MOST_SHARERS: usize = 8;

/// CPU that one task has used and not made up for. One thread at a time writes to it.
#[derive(Debug)]
pub(crate) struct Account {
    /// Tasks that share what one may use.
    sharers: u64,
    /// CPU that may be used at once, in nanoseconds.
    burst: u64,
    /// Nanoseconds, times `sharers`.
    used: AtomicU64,
}

impl Account {
    /// The account of one of `sharers` tasks, which together may use what a task may.
    pub(crate) fn new(sharers: usize, time_slice: Duration) -> Self {
        Self {
            burst: nanoseconds(time_slice.saturating_mul(BURST_SLICES)),
            sharers: sharers.clamp(1, MOST_SHARERS) as u64,
            used: AtomicU64::new(0),
        }
    }

    /// The task has used CPU. More than twice a burst is not remembered, so that a
    /// busy time is soon forgotten.
    pub(crate) fn charge(&self, cpu: Duration) {
        let used = nanoseconds(cpu).saturating_mul(self.sharers);
        let all = self.used().saturating_add(used);
        let all = all.min(self.burst.saturating_mul(2));
        self.used.store(all, Ordering::Relaxed);
    }

    /// The task has had nothing to do.
    pub(crate) fn rest(&self, time: Duration) {
        let left = self.used().saturating_sub(nanoseconds(time) / REST_FOR_CPU);
        self.used.store(left, Ordering::Relaxed);
    }

    /// Whether the task has used more than it may in the foreground.
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.used() >= self.burst
    }

    /// Whether the task has used so little that it may be in the foreground again.
    pub(crate) fn is_low(&self) -> bool {
        self.used() < self.burst / 2
    }

    fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    /// Whether a task that works and rests in turn is ever overdrawn within a minute.
    fn is_found(account: &Account, work: Duration, rest: Duration) -> bool {
        let mut time = Duration::ZERO;
        while time < Duration::from_secs(60) {
            account.charge(work);
            if account.is_overdrawn() {
                return true;
            }
            account.rest(rest);
            time += work + rest;
        }
        false
    }

    #[test]
    fn bursts_are_found_as_well_as_long_work() {
        assert!(is_found(&Account::new(1, MILLI), 900 * MILLI / 1000, MILLI));
        assert!(is_found(
            &Account::new(1, MILLI),
            90 * MILLI / 1000,
            500 * MILLI / 1000
        ));
        assert!(is_found(&Account::new(1, MILLI), 20 * MILLI, 1000 * MILLI));
    }

    #[test]
    fn whoever_uses_less_than_a_tenth_of_a_core_is_left_alone() {
        assert!(!is_found(
            &Account::new(1, MILLI),
            4 * MILLI / 1000,
            100 * MILLI / 1000
        ));
        assert!(!is_found(&Account::new(1, MILLI), 2 * MILLI, 30 * MILLI));
    }

    #[test]
    fn several_tasks_may_use_together_what_one_may() {
        let (work, rest) = (2 * MILLI, 60 * MILLI);
        assert!(!is_found(&Account::new(1, MILLI), work, rest));
        assert!(is_found(&Account::new(4, MILLI), work, rest));
    }

    #[test]
    fn a_busy_time_is_made_up_for_by_rest_and_by_nothing_else() {
        let account = Account::new(1, MILLI);
        account.charge(3600 * 1000 * MILLI);
        assert!(account.is_overdrawn() && !account.is_low());
        account.rest(120 * MILLI);
        assert!(!account.is_overdrawn() && !account.is_low());
        account.rest(50 * MILLI);
        assert!(account.is_low());
    }
}
