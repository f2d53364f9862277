//! What a publisher remembers of its last event. Most publish the same kind of
//! event again and again, which then is neither checked nor routed anew.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hearken_wire::EventRef;
use smallvec::SmallVec;

use super::published_counters::{PublishedCounters, PublisherCounter};
use super::registration::Registration;
use super::topics::Known;
use crate::event::{Draft, DraftError, Encoder, Stamp};

/// Serial numbers that a publisher takes at once.
const SERIALS: u64 = 64;

#[derive(Debug, Default)]
pub(super) struct PublisherCache {
    encoder: Encoder,
    /// Whether the last event was like the one before, as the next then will be.
    repeated: bool,
    audience: Option<Audience>,
    /// Serial numbers that nobody else uses.
    serials: Range<u64>,
    /// Counts what is published, if this is the cache that stays.
    counter: Option<PublisherCounter>,
}

/// Who gets whatever is like the last event.
#[derive(Debug)]
struct Audience {
    /// By what they were found.
    topic: Known,
    receivers: SmallVec<[Arc<Registration>; 1]>,
}

impl PublisherCache {
    pub(super) fn new(counter: PublisherCounter) -> Self {
        Self {
            counter: Some(counter),
            ..Self::default()
        }
    }

    /// Counts what was published.
    #[inline]
    pub(super) fn count(&mut self, totals: &PublishedCounters, events: usize, bytes: usize) {
        let (events, bytes) = (events as u64, bytes as u64);
        match &mut self.counter {
            Some(counter) => counter.add(events, bytes),
            None => totals.add(events, bytes),
        }
    }

    /// A number that this call alone gets, from `unused` on.
    #[inline]
    pub(super) fn next_serial(&mut self, unused: &AtomicU64) -> u64 {
        if self.serials.is_empty() {
            let first = unused.fetch_add(SERIALS, Ordering::Relaxed);
            self.serials = first..first + SERIALS;
        }
        let serial = self.serials.start;
        self.serials.start += 1;
        serial
    }

    /// Makes a draft the last event.
    ///
    /// # Errors
    /// [`DraftError`] when it breaks a rule; then the last event is still the last.
    #[inline]
    pub(super) fn encode(
        &mut self,
        draft: &Draft<'_>,
        stamp: &Stamp<'_>,
    ) -> Result<(), DraftError> {
        self.repeated = self.encoder.encode(draft, stamp)?;
        if !self.repeated {
            self.audience = None;
        }
        Ok(())
    }

    /// The last event.
    #[inline]
    pub(super) fn last(&self) -> EventRef<'_> {
        self.encoder.last()
    }

    /// Forgets the last event if that takes too much cache.
    #[inline]
    pub(super) fn trim(&mut self) {
        self.encoder.trim();
    }

    /// Who gets the last event, as far as that is known and has not changed.
    #[inline]
    pub(super) fn audience(&self) -> Option<&[Arc<Registration>]> {
        let audience = self.audience.as_ref()?;
        audience.topic.is_current().then_some(&*audience.receivers)
    }

    /// Remembers who gets the last event, if that is likely to be of use.
    pub(super) fn remember_audience(&mut self, topic: &Known, receivers: &[&Arc<Registration>]) {
        self.audience = (self.repeated && topic.is_kept()).then(|| Audience {
            topic: topic.clone(),
            receivers: receivers.iter().copied().cloned().collect(),
        });
    }
}
