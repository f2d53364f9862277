//! How much was published. Each publisher counts for itself, so that publishing threads
//! do not write to the same memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_utils::CachePadded;
use slab::Slab;

/// What the publishers of a bus have published.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Of publishers that are gone, and of those who count nowhere else.
    rest: Tally,
    tallies: Mutex<Slab<Arc<CachePadded<Tally>>>>,
}

/// What one publisher has published.
#[derive(Debug, Default)]
struct Tally {
    events: AtomicU64,
    bytes: AtomicU64,
}

/// The right to count for one publisher; who has it is the only one that does. What was
/// counted stays when it is dropped.
#[derive(Debug)]
pub(super) struct Counter {
    totals: Arc<Totals>,
    tally: Arc<CachePadded<Tally>>,
    key: usize,
}

impl Totals {
    /// A counter for one publisher.
    pub(super) fn counter(self: &Arc<Self>) -> Counter {
        let tally = Arc::default();
        let key = self.tallies().insert(Arc::clone(&tally));
        Counter {
            totals: Arc::clone(self),
            tally,
            key,
        }
    }

    /// Counts what has no counter of its own.
    pub(super) fn add(&self, events: u64, bytes: u64) {
        self.rest.events.fetch_add(events, Ordering::Relaxed);
        self.rest.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn events(&self) -> u64 {
        self.sum(|tally| &tally.events)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.sum(|tally| &tally.bytes)
    }

    fn sum(&self, count: impl Fn(&Tally) -> &AtomicU64) -> u64 {
        let tallies = self.tallies();
        let counts = tallies.iter().map(|(_, tally)| count(tally));
        let counts = counts.chain([count(&self.rest)]);
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    fn tallies(&self) -> MutexGuard<'_, Slab<Arc<CachePadded<Tally>>>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counter {
    #[inline]
    pub(super) fn add(&mut self, events: u64, bytes: u64) {
        // Nobody else writes, and so nothing is lost between reading and writing.
        let add = |count: &AtomicU64, more| {
            count.store(count.load(Ordering::Relaxed) + more, Ordering::Relaxed);
        };
        add(&self.tally.events, events);
        add(&self.tally.bytes, bytes);
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        let mut tallies = self.totals.tallies();
        let tally = tallies.remove(self.key);
        self.totals.add(
            tally.events.load(Ordering::Relaxed),
            tally.bytes.load(Ordering::Relaxed),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_publisher_counted_stays_when_it_is_gone() {
        let totals = Arc::new(Totals::default());
        let [mut one, mut two] = [totals.counter(), totals.counter()];
        one.add(1, 10);
        two.add(2, 20);
        totals.add(4, 40);
        drop(one);
        two.add(8, 80);
        assert_eq!((totals.events(), totals.bytes()), (15, 150));
    }
}
