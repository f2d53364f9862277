//! The events that a guest has in hand, and how far it says that it has come.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use hearken_wire::EventRef;
use hearken_wire::frame::FLAG_CHANNEL;
use wasmtime::component::WasmList;
use wasmtime::{StoreContext, StoreContextMut};

use super::appends::Appends;
use super::asking::Asking;
use super::deliveries::Deliveries;
use crate::bus::Frame;
use crate::consumer::Handling;

/// Longest text in bytes that is passed on of a failure; what is longer is cut.
const MAX_REASON_BYTES: usize = 4 << 10;

/// Bytes of the number of events begun, and of the number that says to stop.
pub(super) const NUMBER_BYTES: usize = 8;

/// What a call into a guest is about.
#[derive(Default)]
pub(crate) struct Batch {
    frame: Option<Arc<Frame>>,
    /// Which events of the frame it is about; none between calls.
    pub(super) events: Range<usize>,
    /// Which of those is in hand.
    pub(super) at: usize,
    /// Which of them the guest was told to fail at once when it asked, if any.
    pub(super) late: Option<usize>,
    failures: Vec<Failure>,
    /// Where the events come from, if channels deliver them.
    deliveries: Option<Arc<dyn Deliveries>>,
    /// That of the event in hand, once it was asked for.
    handling: Option<Handling>,
    /// What was appended in the course of the event in hand.
    pub(crate) appends: Appends,
    pub(super) progress: Option<Progress>,
    /// That of a guest which asks for each event instead.
    pub(super) asking: Option<Asking>,
}

/// An event that the guest could not handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Position in the batch.
    pub(crate) index: usize,
    /// Whether another attempt is worth it.
    pub(crate) kind: FailureKind,
    /// What the guest said of it.
    pub(crate) reason: String,
}

/// Whether another attempt at an event is worth it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// It may succeed.
    Again,
    /// It may, once so much time has passed.
    AgainAfter(Duration),
    /// None ever will.
    Reject,
}

/// What a guest shows of its progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The number of events begun.
    Counter,
    /// That, and behind it the place where it is told to stop.
    CounterAndStop,
}

/// What a guest is told at the place for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    GoOn = 0,
    /// It begins no other event.
    BeforeNext = 1,
    /// It fails the event in hand, and says where it was.
    AtOnce = 2,
}

/// Where the guest counts the events that it begins, and is told to stop.
pub(super) struct Progress {
    pub(super) place: WasmList<u8>,
    pub(super) shown: Shown,
    /// What the counter said before the batch.
    pub(super) before: u64,
    /// How many events of the batch it had begun when it was told to stop, if it was.
    pub(super) told_to_stop: Option<u64>,
    /// Which event of the batch it was told to fail at once, if any.
    pub(super) interrupted: Option<usize>,
}

/// A guest breaks the rules of `hearken:plugin/progress`; it costs it its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProgressError {
    /// What was shown has another size.
    #[error("it showed {bytes} bytes of progress instead of {expected}")]
    Size {
        /// Bytes shown.
        bytes: usize,
        /// Bytes that its version of the interface has.
        expected: usize,
    },
    /// The counter was shown when it no longer can be.
    #[error("it showed a progress counter in the middle of a frame")]
    TooLate,
    /// It asked for an event beyond those that there are.
    #[error("it asked for another event after all {events} of the frame")]
    NoMore {
        /// Events of the frame.
        events: usize,
    },
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
    /// Something was said of the event in hand when there was none.
    #[error("it reported a failure, or a part of the handling, without an event in hand")]
    NothingInHand,
}

impl Batch {
    /// Takes the events of the next call.
    pub(crate) fn begin(
        &mut self,
        frame: Arc<Frame>,
        events: Range<usize>,
        deliveries: Option<Arc<dyn Deliveries>>,
    ) {
        self.frame = Some(frame);
        self.events = events;
        self.deliveries = deliveries;
        self.at = 0;
        self.late = None;
        if let Some(asking) = &mut self.asking {
            asking.begin_batch();
        }
        self.failures.clear();
        self.begin_event();
    }

    /// Another event is in hand.
    pub(super) fn begin_event(&mut self) {
        self.handling = None;
        self.appends.begin_event();
    }

    /// Gives the frame back, after a call that has begun so many of its events.
    pub(crate) fn end(&mut self, begun: usize) -> Vec<Failure> {
        if let Some(progress) = &mut self.progress {
            progress.before = progress.before.wrapping_add(begun as u64);
        }
        self.frame = None;
        self.events = 0..0;
        self.deliveries = None;
        self.handling = None;
        std::mem::take(&mut self.failures)
    }

    /// Position of the event in hand.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Which event of the batch the guest was told to fail at once, if any.
    pub(crate) fn interrupted(&self) -> Option<usize> {
        let progress = self.progress.as_ref();
        self.late
            .or_else(|| progress.and_then(|progress| progress.interrupted))
    }

    /// The guest was told to fail the event in hand at once.
    pub(super) fn told_late(&mut self) {
        self.late = Some(self.at);
    }

    /// The event in hand, whose trace context the guest's own events inherit.
    pub(crate) fn in_hand(&self) -> Option<EventRef<'_>> {
        let at = self.events.start + self.at;
        self.frame
            .as_ref()?
            .event(at)
            .filter(|_| self.events.contains(&at))
    }

    /// The event in hand, if it is a delivery of its channel.
    pub(crate) fn of_channel(&self) -> Option<EventRef<'_>> {
        let flags = self.frame.as_ref()?.flags(self.events.start + self.at);
        self.in_hand().filter(|_| flags & FLAG_CHANNEL != 0)
    }

    /// The handling of the event in hand, if it is a delivery of its channel.
    pub(crate) fn handling(&mut self) -> Option<&Handling> {
        if self.handling.is_none() {
            self.of_channel()?;
            let (frame, deliveries) = (self.frame.as_ref()?, self.deliveries.as_ref()?);
            self.handling = deliveries.handling(frame, self.events.start + self.at);
        }
        self.handling.as_ref()
    }

    /// Begins a part of the handling of the event in hand.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn begin_part(&mut self, name: &str) -> Result<(), ProgressError> {
        if self.events.is_empty() {
            return Err(ProgressError::NothingInHand);
        }
        self.appends.begin_part(name);
        Ok(())
    }

    /// Whether the guest can take more than one event a call: only with a counter, or
    /// if it asks for each, is it known which one is in hand.
    pub(crate) fn is_counted(&self) -> bool {
        self.progress.is_some() || self.asking.is_some()
    }

    /// Records that the event in hand failed; what is said first counts.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn fail(&mut self, kind: FailureKind, reason: String) -> Result<(), ProgressError> {
        if self.events.is_empty() {
            return Err(ProgressError::NothingInHand);
        }
        let index = self.at;
        if self.failures.last().is_none_or(|last| last.index != index) {
            // A copy, so that a long text is not kept for all of its room.
            let reason = cut(&reason).to_owned();
            self.failures.push(Failure {
                index,
                kind,
                reason,
            });
        }
        Ok(())
    }

    /// Whether the event that the guest has just begun gets a deadline of its own. One
    /// more does after the guest was told to stop, for it may have looked just before;
    /// what it begins beyond that is on the account of that one, so that it ends soon.
    pub(super) fn has_an_account_of_its_own(&self, begun: u64) -> bool {
        self.progress.as_ref().is_none_or(|progress| {
            let begun = begun.wrapping_sub(progress.before);
            progress.told_to_stop.is_none_or(|told| begun <= told + 1)
        })
    }

    /// Moves on to where the counter says; returns whether that is another event.
    pub(super) fn advance(&mut self, begun: u64) -> Result<bool, ProgressError> {
        let Some(progress) = &self.progress else {
            return Ok(false);
        };
        if self.events.is_empty() {
            return Ok(false);
        }
        let nonsense = ProgressError::Nonsense {
            from: self.at as u64 + 1,
            to: i128::from(begun) - i128::from(progress.before),
            events: self.events.len(),
        };
        let begun = begun.checked_sub(progress.before).ok_or(nonsense)?;
        // Before the first event has been begun, it is in hand all the same.
        let at = usize::try_from(begun.saturating_sub(1)).map_err(|_| nonsense)?;
        if at < self.at || begun > self.events.len() as u64 {
            return Err(nonsense);
        }
        let moved = at != self.at;
        self.at = at;
        if moved {
            self.begin_event();
        }
        Ok(moved)
    }
}

/// As much of a text about a failure as is passed on.
pub(crate) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_REASON_BYTES)]
}

impl Progress {
    /// The number of events begun since the instance's start.
    pub(super) fn begun<T>(&self, store: StoreContext<'_, T>) -> u64 {
        let bytes = self.place.as_le_slice(store);
        let counter = bytes.first_chunk::<NUMBER_BYTES>();
        u64::from_le_bytes(*counter.expect("checked when it was shown"))
    }

    /// Writes where the guest is told to stop.
    pub(super) fn write_stop<T>(&self, store: StoreContextMut<'_, T>, stop: Stop) {
        let bytes = self.place.as_le_slice(&store);
        let Some(place) = bytes.get(NUMBER_BYTES..2 * NUMBER_BYTES) else {
            return;
        };
        let number = (stop as u64).to_le_bytes();
        let place = std::ptr::with_exposed_provenance_mut::<u8>(place.as_ptr().expose_provenance());
        // SAFETY: `place` is within the guest's linear memory, of which wasmtime has just
        // given out these eight bytes, and which guests and the code that is compiled for
        // them write to by its address. `store` is borrowed mutably, so that nobody else
        // has a reference into that memory, and the guest, which runs on this thread
        // alone, is not running. Any bytes are a valid content of it.
        #[expect(unsafe_code, reason = "see the SAFETY comment")]
        unsafe {
            std::ptr::copy_nonoverlapping(number.as_ptr(), place, number.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use hearken_channel_log::Epoch;
    use hearken_wire::{ExtensionKind, Fields};

    use super::*;
    use crate::consumer::Round;

    struct ByNumber;

    impl Deliveries for ByNumber {
        fn handling(&self, _: &Frame, at: usize) -> Option<Handling> {
            Some(Handling {
                epoch: Epoch::new(1),
                round: Round::Replay(at as u64),
                outputs: Arc::default(),
            })
        }
    }

    #[test]
    fn an_event_is_in_hand_while_the_guest_is_called_with_it() {
        let fields = Fields {
            event_type: "custom.a",
            channel: Some("c"),
            sequence: Some(7),
            ..Fields::default()
        };
        let mut bytes = Vec::new();
        let none = std::iter::empty::<(&str, ExtensionKind, &str)>();
        hearken_wire::encode(&fields, none, &mut bytes);
        let mut frame = Frame::default();
        for retry in [false, true] {
            frame.push_of_channel(EventRef::assume_encoded(&bytes), true, retry, 0);
        }
        let mut batch = Batch::default();
        assert_eq!(batch.begin_part("a"), Err(ProgressError::NothingInHand));
        batch.begin(Arc::new(frame), 1..2, Some(Arc::new(ByNumber)));
        assert_eq!(batch.of_channel().and_then(EventRef::sequence), Some(7));
        batch.begin_part("a").unwrap();
        assert_eq!(batch.appends.place(1), "a/1");
        let handling = batch.handling().expect("it is a channel's");
        assert_eq!(handling.round, Round::Replay(1), "that of the second event");
        batch.end(1);
        assert!(batch.of_channel().is_none() && batch.handling().is_none());
    }

    #[test]
    fn of_a_failure_no_more_is_kept_than_is_passed_on() {
        let mut batch = Batch::default();
        assert_eq!(
            batch.fail(FailureKind::Again, "x".to_owned()),
            Err(ProgressError::NothingInHand)
        );
        batch.begin(Arc::default(), 0..1, None);
        let long = "é".repeat(1 << 20);
        batch.fail(FailureKind::Reject, long).unwrap();
        batch
            .fail(FailureKind::Again, "another".to_owned())
            .unwrap();
        let failures = batch.end(1);
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].kind, FailureKind::Reject);
        assert_eq!(failures[0].reason.len(), MAX_REASON_BYTES);
        assert!(failures[0].reason.capacity() < 2 * MAX_REASON_BYTES);
    }
}
