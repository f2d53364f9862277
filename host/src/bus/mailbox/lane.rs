//! One lane of a mailbox: events by themselves, and behind them events in frames.

use std::collections::VecDeque;

use hearken_wire::EventRef;

use super::MailboxLimits;
use super::frame::Frame;
use crate::event::Event;

/// Tells the publishers of one bus apart.
pub(in crate::bus) type PublisherId = u32;

/// Gaps that a lane may have before they are closed, however few its events.
pub(super) const GAPS_ALLOWED: usize = 32;

/// An event that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Nothing in a gap, which is never taken.
    pub(super) event: Option<Event>,
    pub(super) publisher: PublisherId,
    /// Position among all that waits.
    pub(super) position: i64,
}

impl Taken {
    /// The event.
    #[must_use]
    pub fn event(&self) -> &Event {
        self.event.as_ref().expect("a gap is never taken")
    }

    /// The event, for good.
    #[must_use]
    pub fn into_event(self) -> Event {
        self.event.expect("a gap is never taken")
    }

    /// Counts the events that came, from 1, dropped ones included: where numbers
    /// are missing, events were dropped. An event that was put back loses its number.
    #[must_use]
    pub fn number(&self) -> u64 {
        u64::try_from(self.position + 1).unwrap_or_default()
    }
}

/// Slots, and behind them frames, in the order of their positions. Begins with what
/// changes whenever an event comes or goes.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Lane {
    /// Bytes of all its events.
    pub(super) bytes: usize,
    /// The newest events.
    open: Waiting,
    pub(super) slots: VecDeque<Taken>,
    pub(super) gaps: usize,
    /// Before them frames that took no more.
    full: VecDeque<Waiting>,
    /// Room for the next frame.
    spare: Frame,
}

/// A frame of consecutive positions.
#[derive(Debug, Default)]
struct Waiting {
    /// Position of the first event.
    first: i64,
    frame: Frame,
}

impl Lane {
    /// Puts an event into the newest frame.
    #[inline]
    pub(super) fn push_packed(
        &mut self,
        position: i64,
        publisher: PublisherId,
        event: EventRef<'_>,
        local: bool,
    ) {
        if !self.open.goes_on(position, event.as_bytes().len()) {
            self.open_frame(position);
        }
        self.open.frame.push(event, local, publisher);
    }

    /// Begins a frame for the event at this position.
    fn open_frame(&mut self, first: i64) {
        if self.open.frame.is_empty() {
            self.open.first = first;
            return;
        }
        let mut frame = std::mem::take(&mut self.spare);
        frame.reserve_as(&self.open.frame);
        let full = std::mem::replace(&mut self.open, Waiting { first, frame });
        self.full.push_back(full);
    }

    /// Whether events wait in frames.
    #[inline]
    pub(super) fn has_frames(&self) -> bool {
        // Older frames are taken before the newest.
        !self.open.frame.is_empty()
    }

    /// The oldest frame with events.
    fn front_frame(&mut self) -> Option<&mut Waiting> {
        let open = Some(&mut self.open).filter(|open| !open.frame.is_empty());
        self.full.front_mut().or(open)
    }

    /// Moves the events of the oldest frame into another as far as they fit; all of
    /// them at no cost.
    pub(super) fn take_front_frame(&mut self, limits: MailboxLimits, frame: &mut Frame) {
        let Some(front) = self.front_frame() else {
            return;
        };
        if !limits.allow(front.frame.len(), front.frame.event_bytes()) {
            let (mut events, mut bytes) = (0, 0);
            let fitting = front.frame.events().take_while(|(event, _)| {
                events += 1;
                bytes += event.as_bytes().len();
                limits.allow(events, bytes)
            });
            let fitting = fitting.count();
            front.first += i64::try_from(fitting).expect("as few as are in a frame");
            front.frame.move_front(fitting, frame);
            return;
        }
        match self.full.pop_front() {
            None => std::mem::swap(&mut self.open.frame, frame),
            Some(full) => {
                let used = std::mem::replace(frame, full.frame);
                if used.is_reusable() {
                    self.spare = used;
                }
            }
        }
    }

    /// Takes the events of the oldest frame out of it.
    pub(super) fn unpack_front(&mut self) {
        let Some(Waiting { first, frame }) = self.front_frame() else {
            return;
        };
        let frame = std::mem::take(frame);
        let positions = *first..;
        self.full.pop_front();
        let slots = frame.events().zip(positions);
        self.slots
            .extend(slots.map(|((event, publisher), position)| Taken {
                event: Some(Event::copied(event)),
                publisher,
                position,
            }));
    }

    pub(super) fn unpack(&mut self) {
        while self.front_frame().is_some() {
            self.unpack_front();
        }
    }

    /// Whether an event waits outside of frames.
    pub(super) fn has_slots(&mut self) -> bool {
        self.skip_gaps();
        !self.slots.is_empty()
    }

    /// Drops the gaps before the oldest event.
    fn skip_gaps(&mut self) {
        while self
            .slots
            .pop_front_if(|slot| slot.event.is_none())
            .is_some()
        {
            self.gaps -= 1;
        }
    }

    /// Position and index of a publisher's oldest event, from a position on.
    pub(super) fn find(&self, publisher: PublisherId, from: i64) -> Option<(i64, usize)> {
        let start = self.slots.partition_point(|slot| slot.position < from);
        let found = |slot: &Taken| slot.publisher == publisher && slot.event.is_some();
        let at = start + self.slots.iter().skip(start).position(found)?;
        Some((self.slots[at].position, at))
    }

    pub(super) fn close_gaps(&mut self) {
        if self.gaps > GAPS_ALLOWED && self.gaps > self.slots.len() / 2 {
            self.slots.retain(|slot| slot.event.is_some());
            self.gaps = 0;
        }
    }
}

impl Waiting {
    /// Whether an event at this position, of this size, belongs into the frame.
    #[inline]
    fn goes_on(&self, position: i64, size: usize) -> bool {
        let next = i64::try_from(self.frame.len()).map(|events| self.first + events);
        !self.frame.is_empty() && next == Ok(position) && self.frame.has_room(size)
    }
}
