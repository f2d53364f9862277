//! Events one behind the other in one buffer: what guests take, and so the form in
//! which the events of a plugin wait already.

use std::ops::Range;

use hearken_wire::EventRef;
use hearken_wire::frame::{self, FLAGS};

use super::lane::PublisherId;
use crate::bus::prefetch;

/// Most bytes of room that an empty frame keeps: what a full one may have grown to.
const MOST_KEPT: usize = 2 * Frame::MOST_BYTES;

/// Events one behind the other, as [`hearken_wire::frame`] has them.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
}

/// What is known of an event in a frame.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Where it ends.
    end: usize,
    publisher: PublisherId,
}

impl Frame {
    /// Most events of a frame; beyond, the cost of a call is spread thinly enough.
    pub const MOST_EVENTS: usize = 64;

    /// Most bytes of a frame, if it is more than one event: what a guest allocates for.
    pub const MOST_BYTES: usize = 64 << 10;

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// The frame of some of the events, as far as there are so many.
    #[must_use]
    pub fn bytes(&self, events: Range<usize>) -> &[u8] {
        let bytes = self.start(events.start)..self.start(events.end);
        self.bytes.get(bytes).unwrap_or_default()
    }

    /// An event by its position.
    #[must_use]
    pub fn event(&self, at: usize) -> Option<EventRef<'_>> {
        let mark = self.marks.get(at)?;
        let bytes = self.bytes.get(self.start(at) + FLAGS..mark.end)?;
        Some(EventRef::assume_encoded(bytes))
    }

    /// Bytes of the events alone.
    pub(super) fn event_bytes(&self) -> usize {
        self.bytes.len() - FLAGS * self.len()
    }

    /// Events with those who published them, in order.
    pub(super) fn events(
        &self,
    ) -> impl DoubleEndedIterator<Item = (EventRef<'_>, PublisherId)> + ExactSizeIterator {
        (0..self.len()).map(|at| {
            let event = self.event(at).expect("within the frame");
            (event, self.marks[at].publisher)
        })
    }

    /// Whether one more event of this size keeps the frame within its bounds.
    #[inline]
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.len() < Self::MOST_EVENTS && self.bytes.len() + FLAGS + bytes <= Self::MOST_BYTES
    }

    /// Whether the frame has room that is worth keeping for other events.
    pub(super) fn is_reusable(&self) -> bool {
        (1..=MOST_KEPT).contains(&self.bytes.capacity())
    }

    /// Makes room for as much as another frame has.
    pub(super) fn reserve_as(&mut self, other: &Self) {
        self.bytes.reserve(other.bytes.len());
        self.marks.reserve(other.marks.len());
    }

    #[inline]
    pub(super) fn push(&mut self, event: EventRef<'_>, local: bool, publisher: PublisherId) {
        frame::push(&mut self.bytes, event, local);
        self.marks.push(Mark {
            end: self.bytes.len(),
            publisher,
        });
        self.expect_another(event.as_bytes().len());
    }

    /// Fetches the memory in which another event of this size will be.
    #[inline]
    fn expect_another(&mut self, bytes: usize) {
        let room = self.bytes.spare_capacity_mut();
        prefetch::for_writing(&room[..room.len().min(FLAGS + bytes)]);
        let room = self.marks.spare_capacity_mut();
        prefetch::for_writing(&room[..room.len().min(4)]);
    }

    /// Moves the first events behind those of another frame.
    pub(super) fn move_front(&mut self, events: usize, to: &mut Self) {
        let (moved, end) = (self.start(events), to.bytes.len());
        to.bytes.extend(self.bytes.drain(..moved));
        to.marks.extend(self.marks.drain(..events).map(|mark| Mark {
            end: end + mark.end,
            ..mark
        }));
        for mark in &mut self.marks {
            mark.end -= moved;
        }
    }

    /// Drops the events; the room stays for others, unless a large event needed it.
    pub fn clear(&mut self) {
        if self.bytes.capacity() > MOST_KEPT {
            *self = Self::default();
        }
        self.bytes.clear();
        self.marks.clear();
    }

    /// Where the delivery of an event begins.
    fn start(&self, at: usize) -> usize {
        match at.checked_sub(1) {
            None => 0,
            Some(before) => self
                .marks
                .get(before)
                .map_or(self.bytes.len(), |mark| mark.end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::mailbox::tests::event;

    #[test]
    fn the_first_events_move_behind_others() {
        let [one, two, three] = ["1", "22", "333"].map(|id| event(id, "s"));
        let frame = |events: &[(&crate::event::Event, PublisherId)]| {
            let mut frame = Frame::default();
            for (event, publisher) in events {
                frame.push(event.packed(), true, *publisher);
            }
            frame
        };
        let mut to = frame(&[(&one, 1)]);
        let mut from = frame(&[(&two, 2), (&three, 3), (&one, 4)]);
        from.move_front(2, &mut to);
        assert!(
            to.events()
                .eq([(one.packed(), 1), (two.packed(), 2), (three.packed(), 3)])
        );
        assert!(from.events().eq([(one.packed(), 4)]));
    }

    #[test]
    fn only_the_room_of_a_large_event_is_given_up() {
        let mut frame = Frame::default();
        frame.push(event("1", "s").packed(), true, 1);
        frame.clear();
        assert!(frame.is_reusable());
        frame.bytes.reserve(MOST_KEPT + 1);
        frame.clear();
        assert!(!frame.is_reusable());
    }
}
