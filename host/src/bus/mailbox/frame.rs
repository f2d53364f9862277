//! Events one behind the other in one buffer: what guests take, and so the form in
//! which the events of a plugin wait already.

use std::ops::Range;

use hearken_wire::EventRef;
use hearken_wire::frame::{self, FLAGS};

use super::incoming::PublisherId;
use super::work;
use crate::bus::prefetch;

/// Most bytes of room that an empty frame keeps: what a full one may have grown to.
const MOST_KEPT: usize = 2 * Frame::MOST_BYTES;

/// Events one behind the other, as [`hearken_wire::frame`] has them.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
    /// Which of the first [`Frame::MOST_EVENTS`] events were dropped while they waited;
    /// none in a frame that was taken.
    dropped: u64,
    dropped_bytes: usize,
}

/// What is known of an event in a frame.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Where it ends.
    end: u32,
    publisher: PublisherId,
    /// When it came, among all that came to its mailbox; of an event of a channel its
    /// ticket.
    position: u64,
}

/// An event in a frame, who published it, and its position among all that came.
pub(super) type Marked<'f> = (EventRef<'f>, PublisherId, u64);

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
        let bytes = self.bytes.get(self.start(at) + FLAGS..mark.end as usize)?;
        Some(EventRef::assume_encoded(bytes))
    }

    /// The flags of an event's delivery, as [`hearken_wire::frame`] has them; none behind
    /// the last.
    #[must_use]
    pub fn flags(&self, at: usize) -> u32 {
        let delivery = self.bytes.get(self.start(at)..).unwrap_or_default();
        let flags = delivery.first_chunk::<FLAGS>();
        flags.map_or(0, |flags| u32::from_le_bytes(*flags))
    }

    /// Whether one more event of this size belongs into the frame; any does into an empty
    /// one.
    #[must_use]
    pub fn takes(&self, bytes: usize) -> bool {
        self.is_empty() || self.has_room(bytes)
    }

    /// Puts an event of a channel behind the others: whether it was published on this node,
    /// whether this is an attempt after the first, and a ticket by which whoever fills the
    /// frame knows it again.
    pub fn push_of_channel(&mut self, event: EventRef<'_>, local: bool, retry: bool, ticket: u64) {
        frame::push_of_channel(&mut self.bytes, event, local, retry);
        self.marks.push(Mark {
            end: short(self.bytes.len()),
            publisher: PublisherId::default(),
            position: ticket,
        });
    }

    /// The ticket of an event that [`Frame::push_of_channel`] has put there.
    #[must_use]
    pub fn ticket(&self, at: usize) -> Option<u64> {
        self.marks.get(at).map(|mark| mark.position)
    }

    /// Events that were not dropped.
    pub(super) fn left(&self) -> usize {
        self.len() - self.dropped.count_ones() as usize
    }

    /// Bytes of the events alone, without those that were dropped.
    pub(super) fn event_bytes(&self) -> usize {
        self.bytes.len() - FLAGS * self.len() - self.dropped_bytes
    }

    /// Events that were not dropped, in order.
    pub(super) fn events(&self) -> impl Iterator<Item = Marked<'_>> {
        (0..self.len())
            .filter(|at| !self.is_dropped(*at))
            .map(|at| {
                work::note(1);
                self.marked(at)
            })
    }

    /// The only publisher of what is in the frame, and the position of its first event that
    /// was not dropped; nothing if there are several, or no events. Looks at no event.
    pub(super) fn sole_publisher(&self) -> Option<(PublisherId, u64)> {
        let publisher = self.marks.first()?.publisher;
        let alone = self.marks.iter().all(|mark| mark.publisher == publisher);
        let first = (0..self.len()).find(|at| !self.is_dropped(*at));
        let first = first.filter(|_| alone)?;
        Some((publisher, self.marks[first].position))
    }

    /// An event with its mark.
    pub(super) fn marked(&self, at: usize) -> Marked<'_> {
        let event = self.event(at).expect("within the frame");
        let Mark {
            publisher,
            position,
            ..
        } = self.marks[at];
        (event, publisher, position)
    }

    /// Position of the last event that was not dropped.
    pub(super) fn last_position(&self) -> Option<u64> {
        let last = (0..self.len()).rev().find(|at| !self.is_dropped(*at))?;
        Some(self.marks[last].position)
    }

    fn is_dropped(&self, at: usize) -> bool {
        self.dropped != 0 && at < Self::MOST_EVENTS && self.dropped & (1 << at) != 0
    }

    /// Drops the event of a position; returns who published it, and its bytes. Its room
    /// is given up once there is more of such room than of events.
    pub(super) fn drop_one(&mut self, position: u64) -> Option<(PublisherId, usize)> {
        let at = self
            .marks
            .binary_search_by_key(&position, |mark| mark.position)
            .ok()
            .filter(|at| *at < Self::MOST_EVENTS && !self.is_dropped(*at))?;
        let (event, publisher, _) = self.marked(at);
        let bytes = event.as_bytes().len();
        self.dropped |= 1 << at;
        self.dropped_bytes += bytes;
        if self.left() == 0 {
            self.clear();
        } else if self.left() < self.len() / 2 {
            self.close_gaps();
        }
        Some((publisher, bytes))
    }

    /// Gives up the room of events that were dropped.
    pub(super) fn close_gaps(&mut self) {
        if self.dropped == 0 {
            return;
        }
        work::note(self.len());
        let (mut start, mut end, mut kept) = (0, 0, 0);
        for at in 0..self.len() {
            let mark = self.marks[at];
            let bytes = start..mark.end as usize;
            start = bytes.end;
            if !self.is_dropped(at) {
                let length = bytes.len();
                self.bytes.copy_within(bytes, end);
                end += length;
                self.marks[kept] = Mark {
                    end: short(end),
                    ..mark
                };
                kept += 1;
            }
        }
        self.bytes.truncate(end);
        self.marks.truncate(kept);
        (self.dropped, self.dropped_bytes) = (0, 0);
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
    pub(super) fn push(
        &mut self,
        event: EventRef<'_>,
        local: bool,
        publisher: PublisherId,
        position: u64,
    ) {
        frame::push(&mut self.bytes, event, local);
        self.marks.push(Mark {
            end: short(self.bytes.len()),
            publisher,
            position,
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

    /// Moves the first events behind those of another frame; neither may have gaps.
    pub(super) fn move_front(&mut self, events: usize, to: &mut Self) {
        work::note(self.len());
        let (moved, end) = (self.start(events), to.bytes.len());
        to.bytes.extend(self.bytes.drain(..moved));
        to.marks.extend(self.marks.drain(..events).map(|mark| Mark {
            end: short(end + mark.end as usize),
            ..mark
        }));
        for mark in &mut self.marks {
            mark.end = short(mark.end as usize - moved);
        }
    }

    /// Drops the events; the room stays for others, unless a large event needed it.
    pub fn clear(&mut self) {
        if self.bytes.capacity() > MOST_KEPT {
            *self = Self::default();
        }
        self.bytes.clear();
        self.marks.clear();
        (self.dropped, self.dropped_bytes) = (0, 0);
    }

    /// Where the delivery of an event begins.
    fn start(&self, at: usize) -> usize {
        match at.checked_sub(1) {
            None => 0,
            Some(before) => self
                .marks
                .get(before)
                .map_or(self.bytes.len(), |mark| mark.end as usize),
        }
    }
}

/// A place in a frame.
#[inline]
fn short(place: usize) -> u32 {
    u32::try_from(place).expect("a frame is as large as one event at most, or 64 KiB")
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
                frame.push(event.packed(), true, *publisher, 7);
            }
            frame
        };
        let mut to = frame(&[(&one, 1)]);
        let mut from = frame(&[(&two, 2), (&three, 3), (&one, 4)]);
        from.move_front(2, &mut to);
        assert!(to.events().eq([
            (one.packed(), 1, 7),
            (two.packed(), 2, 7),
            (three.packed(), 3, 7)
        ]));
        assert!(from.events().eq([(one.packed(), 4, 7)]));
    }

    #[test]
    fn an_event_has_the_flags_that_it_was_pushed_with() {
        let mut frame = Frame::default();
        for (id, local) in [("1", true), ("22", false), ("333", true)] {
            frame.push(event(id, "s").packed(), local, 1, 0);
        }
        let flags = [0, 1, 2, 3].map(|at| frame.flags(at));
        assert_eq!(flags, [frame::FLAG_LOCAL, 0, frame::FLAG_LOCAL, 0]);
    }

    #[test]
    fn what_is_dropped_gives_up_its_room() {
        let mut frame = Frame::default();
        let events: Vec<_> = (0..64).map(|id| event(&id.to_string(), "s")).collect();
        for (position, event) in events.iter().enumerate() {
            frame.push(event.packed(), true, 1, 2 * position as u64);
        }
        assert_eq!(frame.drop_one(5), None, "there is no such position");
        for at in (0..64).rev().filter(|at| at % 3 != 0) {
            let bytes = events[at].as_bytes().len();
            assert_eq!(frame.drop_one(2 * at as u64), Some((1, bytes)));
            assert_eq!(frame.drop_one(2 * at as u64), None);
        }
        let left = || events.iter().step_by(3);
        assert_eq!(frame.left(), left().count());
        assert!(frame.len() < 2 * frame.left() + 2, "{}", frame.len());
        let bytes: usize = left().map(|event| event.as_bytes().len()).sum();
        assert_eq!(frame.event_bytes(), bytes);
        frame.close_gaps();
        assert!(
            frame
                .events()
                .map(|(event, ..)| event)
                .eq(left().map(|event| event.packed()))
        );
        assert_eq!((frame.len(), frame.event_bytes()), (left().count(), bytes));
    }

    #[test]
    fn only_the_room_of_a_large_event_is_given_up() {
        let mut frame = Frame::default();
        frame.push(event("1", "s").packed(), true, 1, 0);
        frame.clear();
        assert!(frame.is_reusable());
        frame.bytes.reserve(MOST_KEPT + 1);
        frame.clear();
        assert!(!frame.is_reusable());
    }
}
