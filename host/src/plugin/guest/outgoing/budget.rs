//! How many bytes of HTTP a plugin may send and receive.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Over what the bytes are counted.
const PERIOD: Duration = Duration::from_secs(60);

/// Bytes a minute, which may be had all at once and come back little by little. What was
/// taken beyond them comes back first.
#[derive(Debug)]
pub(super) struct Budget {
    a_period: i64,
    left: Mutex<Left>,
}

#[derive(Debug)]
struct Left {
    /// Less than nothing where more was taken.
    bytes: i64,
    at: Instant,
}

impl Budget {
    pub(super) fn new(bytes_a_minute: u64) -> Self {
        let a_period = i64::try_from(bytes_a_minute).unwrap_or(i64::MAX);
        Self {
            a_period,
            left: Mutex::new(Left {
                bytes: a_period,
                at: Instant::now(),
            }),
        }
    }

    /// Takes bytes that are sent or have come; whether there were so many.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let mut left = self.left();
        let was_enough = left.bytes >= bytes;
        left.bytes = left.bytes.saturating_sub(bytes).max(-self.a_period);
        was_enough
    }

    /// Whether anything is left.
    pub(super) fn is_open(&self) -> bool {
        self.left().bytes > 0
    }

    /// What is left by now.
    fn left(&self) -> MutexGuard<'_, Left> {
        // Plain assignments in here; nothing panics half-way.
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let passed = now.duration_since(left.at).min(2 * PERIOD);
        let back = i128::from(self.a_period) * passed.as_micros().cast_signed()
            / PERIOD.as_micros().cast_signed();
        // What is less than a byte goes on being waited for.
        if back > 0 {
            let bytes = (i128::from(left.bytes) + back).min(i128::from(self.a_period));
            left.bytes = i64::try_from(bytes).unwrap_or(self.a_period);
            left.at = now;
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_spent_comes_back_little_by_little() {
        let budget = Budget::new(600);
        assert!(budget.take(600));
        assert!(!budget.is_open());
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(budget.take(1));
        assert!(!budget.is_open());
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(!budget.take(200), "that is twice as much as there is");
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(!budget.is_open(), "what was taken in vain is gone too");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(budget.is_open());
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(budget.take(600), "no more than a minute's");
        assert!(!budget.is_open());
        assert!(!budget.take(usize::MAX));
        tokio::time::advance(2 * PERIOD).await;
        assert!(budget.take(600), "no debt is longer than a minute's");
    }
}
