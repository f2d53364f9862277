//! How far the messages of a task have come.

use hearken_bench_stopwatch::clock;

use super::task::Done;

/// Which messages have been sent, and how many sessions have each. Each session gets them in
/// their order, so that the number of those that it has got says which it gets.
#[derive(Default)]
pub(super) struct Deliveries {
    sessions: usize,
    /// When each was sent, by [`clock::now`].
    sent: Vec<u64>,
    /// How many have it.
    reached: Vec<usize>,
    /// Nanoseconds from sent to received by the last.
    to_all: Vec<u64>,
    /// The same of each receipt, if they are to be measured.
    latencies: Option<Vec<u64>>,
    received: usize,
    bytes: usize,
}

impl Deliveries {
    pub(super) fn to(sessions: usize, is_timed: bool) -> Self {
        Self {
            sessions,
            latencies: is_timed.then(Vec::new),
            ..Self::default()
        }
    }

    /// One is sent now.
    pub(super) fn send(&mut self) {
        self.sent.push(clock::now());
        self.reached.push(0);
    }

    /// Those that were sent.
    pub(super) fn sent(&self) -> usize {
        self.sent.len()
    }

    /// Those that all have.
    pub(super) fn complete(&self) -> usize {
        self.to_all.len()
    }

    /// A session that has now got `received` in all has got the last `messages` of them, in
    /// so many bytes of frames.
    pub(super) fn take(&mut self, received: usize, messages: usize, bytes: usize) {
        self.received += messages;
        self.bytes += bytes;
        for at in received - messages..received {
            // What comes of a task that was given up is nobody's.
            let (Some(reached), Some(sent)) = (self.reached.get_mut(at), self.sent.get(at)) else {
                continue;
            };
            *reached += 1;
            if let Some(latencies) = &mut self.latencies {
                latencies.push(clock::now().saturating_sub(*sent));
            }
            if *reached == self.sessions {
                self.to_all.push(clock::now().saturating_sub(*sent));
            }
        }
    }

    /// What came out, after so many nanoseconds.
    pub(super) fn done(mut self, nanoseconds: u64) -> Done {
        let mut latencies = self.latencies.take().unwrap_or_default();
        Done {
            seconds: seconds(nanoseconds),
            messages: self.sent.len(),
            to_all: percentile(&mut self.to_all, 0.5),
            p50: percentile(&mut latencies, 0.5),
            p99: percentile(&mut latencies, 0.99),
            frame: self.bytes / self.received.max(1),
        }
    }
}

/// As seconds.
pub(super) fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

/// Seconds that this share did not exceed; 0 of none.
fn percentile(all: &mut [u64], share: f64) -> f64 {
    all.sort_unstable();
    let index = (all.len() as f64 * share).ceil() as usize;
    seconds(all.get(index.saturating_sub(1)).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_complete_when_all_have_it() {
        let mut deliveries = Deliveries::to(2, true);
        deliveries.send();
        deliveries.send();
        deliveries.take(2, 2, 20);
        assert_eq!(deliveries.complete(), 0);
        deliveries.take(1, 1, 10);
        assert_eq!((deliveries.sent(), deliveries.complete()), (2, 1));
        deliveries.take(2, 1, 10);
        assert_eq!(deliveries.complete(), 2);
        // Of an earlier task.
        deliveries.take(3, 1, 10);
        let done = deliveries.done(3_000_000_000);
        assert_eq!((done.messages, done.frame), (2, 10));
        assert!(done.seconds == 3.0 && done.p99 >= done.p50);
    }
}
