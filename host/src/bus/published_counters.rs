//! How much was published. Each publisher counts for itself, so that publishing threads
//! do not write to the same memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_utils::CachePadded;
use slab::Slab;

/// What the publishers of a bus have published.
#[derive(Debug, Default)]
pub(super) struct PublishedCounters {
    /// Of publishers that are gone, and of those who count nowhere else.
    rest: Counts,
    counts: Mutex<Slab<Arc<CachePadded<Counts>>>>,
}

/// What one publisher has published.
#[derive(Debug, Default)]
struct Counts {
    events: AtomicU64,
    bytes: AtomicU64,
}

/// The right to count for one publisher; who has it is the only one that does. What was
/// counted stays when it is dropped.
#[derive(Debug)]
pub(super) struct PublisherCounter {
    totals: Arc<PublishedCounters>,
    counts: Arc<CachePadded<Counts>>,
    key: usize,
}

impl PublishedCounters {
    /// A counter for one publisher.
    pub(super) fn counter(self: &Arc<Self>) -> PublisherCounter {
        let counts = Arc::default();
        let key = self.counts().insert(Arc::clone(&counts));
        PublisherCounter {
            totals: Arc::clone(self),
            counts,
            key,
        }
    }

    /// Counts what has no counter of its own.
    pub(super) fn add(&self, events: u64, bytes: u64) {
        self.rest.events.fetch_add(events, Ordering::Relaxed);
        self.rest.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn events(&self) -> u64 {
        self.sum(|counts| &counts.events)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.sum(|counts| &counts.bytes)
    }

    fn sum(&self, count: impl Fn(&Counts) -> &AtomicU64) -> u64 {
        let counts = self.counts();
        let counts = counts.iter().map(|(_, counts)| count(counts));
        let counts = counts.chain([count(&self.rest)]);
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    fn counts(&self) -> MutexGuard<'_, Slab<Arc<CachePadded<Counts>>>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PublisherCounter {
    #[inline]
    pub(super) fn add(&mut self, events: u64, bytes: u64) {
        // Nobody else writes, and so nothing is lost between reading and writing.
        let add = |count: &AtomicU64, more| {
            count.store(count.load(Ordering::Relaxed) + more, Ordering::Relaxed);
        };
        add(&self.counts.events, events);
        add(&self.counts.bytes, bytes);
    }
}

impl Drop for PublisherCounter {
    fn drop(&mut self) {
        let mut counts = self.totals.counts();
        let counts = counts.remove(self.key);
        self.totals.add(
            counts.events.load(Ordering::Relaxed),
            counts.bytes.load(Ordering::Relaxed),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_publisher_counted_stays_when_it_is_gone() {
        let totals = Arc::new(PublishedCounters::default());
        let [mut one, mut two] = [totals.counter(), totals.counter()];
        one.add(1, 10);
        two.add(2, 20);
        totals.add(4, 40);
        drop(one);
        two.add(8, 80);
        assert_eq!((totals.events(), totals.bytes()), (15, 150));
    }
}
