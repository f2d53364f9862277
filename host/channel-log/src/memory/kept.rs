//! The events of a log, and the allocations that they lie in.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::placing;

/// The events that are kept, oldest first. They take little more than twice their bytes,
/// whatever they were appended with.
#[derive(Debug, Default)]
pub(super) struct Kept {
    events: VecDeque<Bytes>,
    /// Bytes of them.
    bytes: u64,
    /// Which of them lie in one allocation, oldest first.
    batches: VecDeque<Together>,
}

/// Events that lie in one allocation, which stays as long as one of them does.
#[derive(Debug)]
struct Together {
    /// How many are kept.
    events: usize,
    /// Bytes of those.
    bytes: usize,
    /// Bytes of the allocation.
    held: usize,
}

impl Kept {
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Bytes of the events.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn events(&self) -> &VecDeque<Bytes> {
        &self.events
    }

    /// Keeps the events that lie one behind the other in an allocation of their own.
    pub(super) fn add(&mut self, batch: &Bytes) {
        let before = self.events.len();
        self.events.extend(placing::split(batch));
        let events = self.events.len() - before;
        if events > 0 {
            self.bytes += batch.len() as u64;
            self.batches.push_back(Together {
                events,
                bytes: batch.len(),
                held: batch.len(),
            });
        }
    }

    /// Drops so many of the oldest.
    pub(super) fn drop_oldest(&mut self, count: usize) {
        for event in self.events.drain(..count) {
            self.bytes -= event.len() as u64;
            let batch = self.batches.front_mut();
            let batch = batch.expect("every event lies in an allocation");
            batch.events -= 1;
            batch.bytes -= event.len();
            if batch.events == 0 {
                self.batches.pop_front();
            }
        }
        self.let_go();
    }

    /// Has the memory of what was dropped be used again. What is copied is less than what
    /// was dropped since it was copied before.
    fn let_go(&mut self) {
        if let Some(batch) = self.batches.front_mut()
            && batch.bytes < batch.held - batch.bytes
        {
            let mut own = Vec::with_capacity(batch.bytes);
            for event in self.events.range(..batch.events) {
                own.extend_from_slice(event);
            }
            let own = placing::split(&own.into());
            for (event, copy) in self.events.iter_mut().zip(own) {
                *event = copy;
            }
            batch.held = batch.bytes;
        }
        if self.events.len() < self.events.capacity() / 4 {
            self.events.shrink_to(self.events.len() * 2);
            self.batches.shrink_to(self.batches.len() * 2);
        }
    }
}
