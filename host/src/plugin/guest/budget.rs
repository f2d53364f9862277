//! How much a plugin may do a second.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

const NANOS: u64 = 1_000_000_000;

/// A budget of so many at once and so many a second. What is more than may be had at once is
/// paid off before anything else is granted.
#[derive(Debug)]
pub(crate) struct Budget {
    began: Instant,
    /// Nanoseconds since it began by which all that was granted is earned.
    earned: AtomicU64,
    /// Nanoseconds that one takes to earn.
    each: u64,
    /// How many may be had at once.
    burst: u64,
}

impl Budget {
    /// `a_second` is 1 or more.
    pub(crate) fn new(burst: u32, a_second: u32) -> Self {
        Self {
            began: Instant::now(),
            earned: AtomicU64::new(0),
            each: NANOS / u64::from(a_second.max(1)),
            burst: u64::from(burst),
        }
    }

    /// Takes so many, if as many can be had at once, or if all that may be had at once can.
    pub(crate) fn spend(&self, count: u64) -> bool {
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let most = now.saturating_add(self.burst * self.each);
        let at_once = count.min(self.burst) * self.each;
        let spend = |earned: u64| {
            let from = earned.max(now);
            let granted = from.saturating_add(at_once) <= most;
            granted.then(|| from.saturating_add(count.saturating_mul(self.each)))
        };
        let spent = self
            .earned
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend);
        spent.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_at_once_and_then_so_many_a_second() {
        let budget = Budget::new(4, 1000);
        assert!((0..4).all(|_| budget.spend(1)));
        assert!(!budget.spend(1));
        tokio::time::advance(Duration::from_millis(2)).await;
        assert!(budget.spend(2));
        assert!(!budget.spend(1));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(budget.spend(4), "no more is saved up");
        assert!(!budget.spend(1));
        assert!(budget.spend(0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_more_than_may_be_had_at_once_is_paid_off() {
        let budget = Budget::new(4, 1000);
        assert!(budget.spend(10));
        assert!(!budget.spend(10) && !budget.spend(1));
        tokio::time::advance(Duration::from_millis(6)).await;
        assert!(!budget.spend(1), "only now it is all paid");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(budget.spend(1));
        assert!(!budget.spend(10));
        tokio::time::advance(Duration::from_millis(4)).await;
        assert!(budget.spend(u64::MAX));
        assert!(!budget.spend(1));
    }
}
