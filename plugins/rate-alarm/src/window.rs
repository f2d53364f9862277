//! The events of one subject in a sliding window.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// Knows no more times than are needed to tell whether the limit is exceeded.
#[derive(Default)]
pub struct Window {
    times: VecDeque<SystemTime>,
    exceeded: bool,
}

impl Window {
    /// Counts an event at `time`, and says whether with it more than `limit` events
    /// fall into the last `length`, which before it was not so.
    pub fn crosses(&mut self, time: SystemTime, limit: usize, length: Duration) -> bool {
        // Nodes' clocks differ a little: an earlier time counts as now.
        let is_over = |old: &SystemTime| time.duration_since(*old).is_ok_and(|age| age >= length);
        while self.times.front().is_some_and(is_over) {
            self.times.pop_front();
        }
        self.exceeded &= self.times.len() > limit;
        self.times.push_back(time);
        while self.times.len() > limit + 1 {
            self.times.pop_front();
        }
        let exceeds = self.times.len() > limit;
        let crosses = exceeds && !self.exceeded;
        self.exceeded = exceeds;
        crosses
    }
}
