//! The events that a guest has in hand, and how far it has come with them.

use std::ops::Range;
use std::sync::Arc;

use hearken_wire::EventRef;
use wasmtime::component::WasmList;
use wasmtime::{AsContext, StoreContext, StoreContextMut};

use super::guest::Guest;
use crate::bus::Frame;

/// Longest text in bytes that is passed on of a failure; what is longer is cut.
const MAX_REASON_BYTES: usize = 4 << 10;

/// Bytes of a guest's progress counter.
const COUNTER_BYTES: usize = 8;

/// What a call into a guest is about.
#[derive(Default)]
pub(super) struct Batch {
    frame: Option<Arc<Frame>>,
    /// Which events of the frame it is about; none between calls.
    events: Range<usize>,
    /// Which of those is in hand.
    at: usize,
    failures: Vec<Failure>,
    counter: Option<Counter>,
}

/// An event that the guest could not handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Position in the batch.
    pub(super) index: usize,
    /// What the guest said of it.
    pub(super) reason: String,
}

/// Where the guest counts the events that it begins.
struct Counter {
    place: WasmList<u8>,
    /// What it said before the batch.
    before: u64,
}

/// A guest breaks the rules of `hearken:plugin/progress`; it costs it its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProgressError {
    /// The counter is not eight bytes.
    #[error("its progress counter has {0} bytes instead of {COUNTER_BYTES}")]
    Size(usize),
    /// The counter was shown when it no longer can be.
    #[error("it showed a progress counter in the middle of a frame")]
    TooLate,
    /// The counter went backwards or beyond the events that there are.
    #[error("its progress counter went from {from} to {to}, in a frame of {events} events")]
    Nonsense {
        /// Events of the frame begun before.
        from: u64,
        /// Events of the frame begun by now, as the guest has it.
        to: i128,
        /// Events of the frame.
        events: usize,
    },
    /// The guest returned before it had begun every event.
    #[error("it returned after beginning {begun} of {events} events")]
    Unfinished {
        /// Events begun.
        begun: u64,
        /// Events of the frame.
        events: usize,
    },
    /// A failure was reported when no event was in hand.
    #[error("it reported a failure without an event in hand")]
    NothingInHand,
}

impl Batch {
    /// Takes the events of the next call.
    pub(super) fn begin(&mut self, frame: Arc<Frame>, events: Range<usize>) {
        self.frame = Some(frame);
        self.events = events;
        self.at = 0;
        self.failures.clear();
    }

    /// Gives the frame back. After a call that went well the counter has counted all
    /// events.
    pub(super) fn end(&mut self) -> Vec<Failure> {
        if let Some(counter) = &mut self.counter {
            counter.before += self.events.len() as u64;
        }
        self.frame = None;
        self.events = 0..0;
        std::mem::take(&mut self.failures)
    }

    /// Position of the event in hand.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The event in hand, whose trace context the guest's own events inherit.
    pub(super) fn in_hand(&self) -> Option<EventRef<'_>> {
        let at = self.events.start + self.at;
        self.frame
            .as_ref()?
            .event(at)
            .filter(|_| self.events.contains(&at))
    }

    /// Whether the guest can take more than one event a call: only with a counter
    /// is it known which one is in hand.
    pub(super) fn is_counted(&self) -> bool {
        self.counter.is_some()
    }

    /// Records that the event in hand failed; the first reason counts.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn fail(&mut self, reason: String) -> Result<(), ProgressError> {
        if self.events.is_empty() {
            return Err(ProgressError::NothingInHand);
        }
        let index = self.at;
        if self.failures.last().is_none_or(|last| last.index != index) {
            // A copy, so that a long text is not kept for all of its room.
            let reason = cut(&reason).to_owned();
            self.failures.push(Failure { index, reason });
        }
        Ok(())
    }

    /// Moves on to where the counter says; returns whether that is another event.
    fn advance(&mut self, begun: u64) -> Result<bool, ProgressError> {
        let Some(counter) = &self.counter else {
            return Ok(false);
        };
        if self.events.is_empty() {
            return Ok(false);
        }
        let nonsense = ProgressError::Nonsense {
            from: self.at as u64 + 1,
            to: i128::from(begun) - i128::from(counter.before),
            events: self.events.len(),
        };
        let begun = begun.checked_sub(counter.before).ok_or(nonsense)?;
        // Before the first event has been begun, it is in hand all the same.
        let at = usize::try_from(begun.saturating_sub(1)).map_err(|_| nonsense)?;
        if at < self.at || begun > self.events.len() as u64 {
            return Err(nonsense);
        }
        let moved = at != self.at;
        self.at = at;
        Ok(moved)
    }
}

/// As much of a text about a failure as is passed on.
pub(super) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_REASON_BYTES)]
}

impl Counter {
    fn read(&self, store: StoreContext<'_, Guest>) -> u64 {
        let bytes = self.place.as_le_slice(store);
        u64::from_le_bytes(bytes.try_into().expect("checked when it was shown"))
    }
}

/// Takes the place of the guest's counter.
///
/// # Errors
/// When the place is no counter, or a batch is in hand.
pub(super) fn watch(
    mut store: StoreContextMut<'_, Guest>,
    place: WasmList<u8>,
) -> Result<(), ProgressError> {
    if place.len() != COUNTER_BYTES {
        return Err(ProgressError::Size(place.len()));
    }
    if !store.data().batch.events.is_empty() {
        return Err(ProgressError::TooLate);
    }
    let mut counter = Counter { place, before: 0 };
    counter.before = counter.read(store.as_context());
    store.data_mut().batch.counter = Some(counter);
    Ok(())
}

/// Looks how far the guest has come, at every moment at which the host has the
/// say: what the guest does from here on is on the account of the event in hand.
///
/// # Errors
/// When the counter makes no sense.
pub(super) fn observe(mut store: StoreContextMut<'_, Guest>) -> Result<(), ProgressError> {
    let Some(counter) = &store.data().batch.counter else {
        return Ok(());
    };
    let begun = counter.read(store.as_context());
    let guest = store.data_mut();
    if guest.batch.advance(begun)? {
        guest.meter.next_event();
        guest.next_event();
    }
    Ok(())
}

/// Checks, after the guest returned, that it has begun every event.
///
/// # Errors
/// When it has not.
pub(super) fn check_finished(store: StoreContextMut<'_, Guest>) -> Result<(), ProgressError> {
    let batch = &store.data().batch;
    let Some(counter) = &batch.counter else {
        return Ok(());
    };
    let begun = counter
        .read(store.as_context())
        .wrapping_sub(counter.before);
    let events = batch.events.len();
    if begun == events as u64 {
        Ok(())
    } else {
        Err(ProgressError::Unfinished { begun, events })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_failure_no_more_is_kept_than_is_passed_on() {
        let mut batch = Batch::default();
        assert_eq!(
            batch.fail("x".to_owned()),
            Err(ProgressError::NothingInHand)
        );
        batch.begin(Arc::default(), 0..1);
        batch.fail("é".repeat(1 << 20)).unwrap();
        batch.fail("another".to_owned()).unwrap();
        let failures = batch.end();
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].reason.len(), MAX_REASON_BYTES);
        assert!(failures[0].reason.capacity() < 2 * MAX_REASON_BYTES);
    }
}
