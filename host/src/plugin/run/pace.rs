//! How many events a worker takes at once, and one call into a guest of frames with
//! them.
//!
//! A batch is made of what already waits, so it delays nothing; but a guest cannot
//! be asked to stop in the middle of one. So a batch is kept to about half a time
//! slice, and to one event for guests whose events wait for the host, which gain
//! nothing from more.

use std::time::Duration;

use crate::bus::Frame;
use crate::plugin::threads::meter::Spent;

/// How long a call should take.
const TARGET: Duration = Duration::from_micros(500);

/// Learns from each call how many events the next one may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    events: usize,
}

impl Pace {
    /// Begins with one event, of which nothing is known yet.
    pub(crate) const fn new() -> Self {
        Self { events: 1 }
    }

    /// How many events the next call may take.
    pub(crate) fn events(self) -> usize {
        self.events
    }

    /// Learns from a call that handled so many events.
    pub(crate) fn learn(&mut self, events: usize, spent: Spent) {
        let fitting = if spent.waits.is_zero() {
            let each = spent.cpu.as_nanos() / events.max(1) as u128;
            usize::try_from(TARGET.as_nanos() / each.max(1)).unwrap_or(Frame::MOST_EVENTS)
        } else {
            1
        };
        self.events = fitting.clamp(1, Frame::MOST_EVENTS.min(2 * self.events));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(micros: u64) -> Spent {
        Spent {
            cpu: Duration::from_micros(micros),
            waits: Duration::ZERO,
        }
    }

    #[test]
    fn fast_events_are_taken_together_up_to_a_bound() {
        let mut pace = Pace::new();
        let mut sizes = Vec::new();
        for _ in 0..8 {
            sizes.push(pace.events());
            pace.learn(pace.events(), cpu(1));
        }
        assert_eq!(sizes, [1, 2, 4, 8, 16, 32, 64, 64]);
    }

    #[test]
    fn a_call_is_kept_to_its_time() {
        let mut pace = Pace { events: 64 };
        pace.learn(64, cpu(6_400));
        assert_eq!(pace.events(), 5);
        pace.learn(5, cpu(5_000));
        assert_eq!(pace.events(), 1);
    }

    #[test]
    fn events_that_wait_are_taken_one_by_one() {
        let mut pace = Pace { events: 64 };
        let waits = Duration::from_micros(1);
        pace.learn(64, Spent { waits, ..cpu(1) });
        assert_eq!(pace.events(), 1);
    }
}
