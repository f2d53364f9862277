//! How fast something may come.

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

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
