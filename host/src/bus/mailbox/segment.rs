//! Events that came one after the other: the unit in which a mailbox moves and counts
//! them, and so bounded.

use std::collections::VecDeque;
use std::mem;

use hearken_wire::EventRef;

use super::frame::{Frame, Marked};
use super::incoming::PublisherId;
use super::work;
use crate::event::Event;

/// Most events of a segment.
pub(super) const MOST_EVENTS: usize = Frame::MOST_EVENTS;

/// An event that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub(super) event: Event,
    pub(super) publisher: PublisherId,
    /// When it came, among all that came to its mailbox.
    pub(super) position: u64,
}

/// Up to [`MOST_EVENTS`] events in the order of their positions.
#[derive(Debug)]
pub(super) enum Segment {
    /// As copies, where a guest takes them from.
    Packed(Frame),
    /// As they are, shared with others who get them.
    Shared(VecDeque<Taken>),
}

impl Taken {
    /// The event.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The event, for good.
    #[must_use]
    pub fn into_event(self) -> Event {
        self.event
    }

    /// Counts the events that came, from 1, dropped ones included: where numbers
    /// are missing, events were dropped.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.position + 1
    }

    fn marked(&self) -> Marked<'_> {
        work::note(1);
        (self.event.packed(), self.publisher, self.position)
    }
}

impl Default for Segment {
    fn default() -> Self {
        Self::Packed(Frame::default())
    }
}

impl Segment {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        match self {
            // A frame whose events were all dropped is cleared.
            Self::Packed(frame) => frame.is_empty(),
            Self::Shared(events) => events.is_empty(),
        }
    }

    /// Its events, in order.
    pub(super) fn events(&self) -> impl Iterator<Item = Marked<'_>> {
        let (packed, shared) = match self {
            Self::Packed(frame) => (Some(frame), None),
            Self::Shared(events) => (None, Some(events)),
        };
        let packed = packed.into_iter().flat_map(Frame::events);
        packed.chain(shared.into_iter().flatten().map(Taken::marked))
    }

    /// Position of the last event.
    pub(super) fn last_position(&self) -> Option<u64> {
        match self {
            Self::Packed(frame) => frame.last_position(),
            Self::Shared(events) => events.back().map(|taken| taken.position),
        }
    }

    /// Position of a publisher's first event.
    pub(super) fn first_of(&self, publisher: PublisherId) -> Option<u64> {
        self.events()
            .find(|(_, of, _)| *of == publisher)
            .map(|(.., position)| position)
    }

    /// Drops the event of a position; returns who published it, and its bytes.
    pub(super) fn drop_one(&mut self, position: u64) -> Option<(PublisherId, usize)> {
        match self {
            Self::Packed(frame) => frame.drop_one(position),
            Self::Shared(events) => {
                let at = events
                    .binary_search_by_key(&position, |taken| taken.position)
                    .ok()?;
                let taken = events.remove(at)?;
                Some((taken.publisher, taken.event.as_bytes().len()))
            }
        }
    }

    /// Its events as they are, taken out of their frame if they were in one.
    pub(super) fn share(&mut self) -> &mut VecDeque<Taken> {
        if let Self::Packed(frame) = self {
            let taken = |(event, publisher, position): (EventRef<'_>, _, _)| Taken {
                event: Event::copied(event),
                publisher,
                position,
            };
            let events = mem::take(frame).events().map(taken).collect();
            *self = Self::Shared(events);
        }
        match self {
            Self::Shared(events) => events,
            Self::Packed(_) => unreachable!("its events are shared now"),
        }
    }
}
