//! How fast something may come.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::access::Rate;

/// Counts what comes against a rate: as many as the rate has in its time may come at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// When what has come would have come evenly.
    even: Option<Instant>,
}

impl Pace {
    /// Whether one more may come now; it is counted if so.
    pub(super) fn take(&mut self, rate: Rate) -> bool {
        let now = Instant::now();
        let even = self.even.map_or(now, |even| even.max(now));
        let next = even + rate.interval();
        let may = next.duration_since(now) <= rate.period();
        if may {
            self.even = Some(next);
        }
        may
    }
}

/// Lets something through once a second: a line of the log about what may happen to each of
/// many sessions.
#[derive(Debug, Default)]
pub(super) struct OnceASecond(Mutex<Option<Instant>>);

impl OnceASecond {
    /// Whether it may be now; then it was.
    pub(super) fn may(&self) -> bool {
        let now = Instant::now();
        // One assignment; nothing panics half-way.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |last: Instant| now.duration_since(last) < Duration::from_secs(1);
        if last.is_some_and(is_recent) {
            return false;
        }
        *last = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_may_be_once_a_second_may_be_at_once_and_then_a_second_later() {
        let once = OnceASecond::default();
        assert!(once.may() && !once.may());
        tokio::time::advance(Duration::from_millis(999)).await;
        assert!(!once.may());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(once.may() && !once.may());
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_as_the_rate_has_come_at_once_and_then_evenly() {
        let mut pace = Pace::default();
        let rate: Rate = "5/s".parse().unwrap();
        let taken = |pace: &mut Pace| (0..20).filter(|_| pace.take(rate)).count();
        assert_eq!(taken(&mut pace), 5);
        tokio::time::advance(Duration::from_millis(200)).await;
        assert_eq!(taken(&mut pace), 1);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(taken(&mut pace), 5);
    }
}
