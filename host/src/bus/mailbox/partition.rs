//! One partition of a mailbox: segments of events in the order of their positions.

mod overflow;

use std::collections::{BTreeMap, VecDeque};
use std::mem;

use hearken_wire::EventRef;

use super::frame::Frame;
use super::incoming::PublisherId;
use super::limits::MailboxLimits;
use super::segment::{MOST_EVENTS, Segment, Taken};
use super::shares::{Place, Shares};
use super::work;
use crate::event::Event;

/// Complete segments, and behind them the one that new events go into. Begins with what
/// changes whenever an event comes or goes.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Partition {
    /// The newest events.
    open: Segment,
    /// Whether the shares count them; it counts all others.
    counted: bool,
    /// Number of the open segment.
    next: i64,
    /// Number of the partition among all that the mailbox ever had.
    pub(super) number: u64,
    /// By their numbers.
    complete: BTreeMap<i64, Segment>,
    /// Room for the next frame.
    spare: Frame,
}

impl Partition {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            ..Self::default()
        }
    }

    /// Puts an event into the newest frame.
    #[inline]
    pub(super) fn push_packed(
        &mut self,
        position: u64,
        publisher: PublisherId,
        event: EventRef<'_>,
        local: bool,
        shares: &mut Shares,
    ) {
        let size = event.as_bytes().len();
        match &mut self.open {
            Segment::Packed(frame) if frame.has_room(size) && !self.counted => {
                frame.push(event, local, publisher, position);
            }
            _ => self.push_packed_behind(position, publisher, event, local, shares),
        }
    }

    #[cold]
    fn push_packed_behind(
        &mut self,
        position: u64,
        publisher: PublisherId,
        event: EventRef<'_>,
        local: bool,
        shares: &mut Shares,
    ) {
        let size = event.as_bytes().len();
        match &self.open {
            Segment::Packed(frame) if frame.has_room(size) => {}
            open => {
                let mut frame = mem::take(&mut self.spare);
                if let Segment::Packed(open) = open {
                    frame.reserve_as(open);
                }
                self.begin(Segment::Packed(frame), shares);
            }
        }
        if let Segment::Packed(frame) = &mut self.open {
            frame.push(event, local, publisher, position);
        }
        self.count_newest(publisher, size, shares);
    }

    /// Puts an event in that is shared with others.
    #[inline]
    pub(super) fn push(&mut self, taken: Taken, shares: &mut Shares) {
        let (publisher, size) = (taken.publisher, taken.event.as_bytes().len());
        match &self.open {
            Segment::Shared(events) if events.len() < MOST_EVENTS => {}
            open => {
                let another = matches!(open, Segment::Shared(_));
                let room = if another { MOST_EVENTS } else { 1 };
                self.begin(Segment::Shared(VecDeque::with_capacity(room)), shares);
            }
        }
        if let Segment::Shared(events) = &mut self.open {
            events.push_back(taken);
        }
        self.count_newest(publisher, size, shares);
    }

    /// Whether an event that is better shared goes into a frame all the same: behind
    /// others, which it would otherwise part from those that follow.
    #[inline]
    pub(super) fn has_open_frame(&self) -> bool {
        matches!(&self.open, Segment::Packed(frame) if !frame.is_empty())
    }

    /// Begins a segment; the open one is complete.
    fn begin(&mut self, segment: Segment, shares: &mut Shares) {
        let complete = mem::replace(&mut self.open, segment);
        if complete.is_empty() {
            if let Segment::Packed(frame) = complete
                && frame.is_reusable()
            {
                self.spare = frame;
            }
        } else {
            if !self.counted {
                shares.enter(self.place(self.next), &complete);
            }
            self.complete.insert(self.next, complete);
            self.next += 1;
        }
        self.counted = false;
    }

    /// Lets the shares count the open segment too.
    pub(super) fn count(&mut self, shares: &mut Shares) {
        if !self.counted && !self.open.is_empty() {
            shares.enter(self.place(self.next), &self.open);
            self.counted = true;
        }
    }

    fn count_newest(&self, publisher: PublisherId, size: usize, shares: &mut Shares) {
        if self.counted {
            shares.enter_one(self.place(self.next), &self.open, publisher, size);
        }
    }

    /// Puts events before all others, which are newer.
    pub(super) fn prepend(&mut self, events: VecDeque<Taken>, shares: &mut Shares) {
        if events.is_empty() {
            return;
        }
        let partition = self.number;
        if let Some(mut first) = self.complete.first_entry()
            && let Segment::Shared(known) = first.get()
            && known.len() + events.len() <= MOST_EVENTS
        {
            let segment = *first.key();
            let place = Place { partition, segment };
            for taken in events.into_iter().rev() {
                let size = taken.event.as_bytes().len();
                shares.enter_oldest(place, first.get(), taken.position, taken.publisher, size);
                first.get_mut().share().push_front(taken);
            }
            return;
        }
        let first = self.complete.first_key_value();
        let segment = first.map_or(self.next, |(first, _)| *first) - 1;
        let events = Segment::Shared(events);
        shares.enter(Place { partition, segment }, &events);
        self.complete.insert(segment, events);
    }

    fn place(&self, segment: i64) -> Place {
        Place {
            partition: self.number,
            segment,
        }
    }

    /// Takes the oldest event if it is `wanted`.
    pub(super) fn pop_if(
        &mut self,
        wanted: impl FnOnce(&Taken) -> bool,
        shares: &mut Shares,
    ) -> Option<Taken> {
        self.take_one(true, shares, |events| {
            events
                .front()
                .is_some_and(wanted)
                .then(|| events.pop_front())?
        })
    }

    /// Takes the newest event.
    pub(super) fn pop_back(&mut self, shares: &mut Shares) -> Option<Taken> {
        self.take_one(false, shares, VecDeque::pop_back)
    }

    fn take_one(
        &mut self,
        oldest: bool,
        shares: &mut Shares,
        take: impl FnOnce(&mut VecDeque<Taken>) -> Option<Taken>,
    ) -> Option<Taken> {
        let complete = match oldest {
            true => self.complete.first_entry(),
            false if self.open.is_empty() => self.complete.last_entry(),
            false => None,
        };
        let partition = self.number;
        let Some(mut complete) = complete else {
            if self.open.is_empty() {
                return None;
            }
            let taken = take(self.open.share())?;
            if self.counted {
                let place = self.place(self.next);
                leave_one(shares, place, &self.open, &taken);
                self.counted = !self.open.is_empty();
            }
            return Some(taken);
        };
        let segment = *complete.key();
        let taken = take(complete.get_mut().share())?;
        leave_one(shares, Place { partition, segment }, complete.get(), &taken);
        if complete.get().is_empty() {
            complete.remove();
        }
        Some(taken)
    }

    /// Position of the newest event.
    pub(super) fn last_position(&self) -> Option<u64> {
        let complete = || self.complete.last_key_value()?.1.last_position();
        self.open.last_position().or_else(complete)
    }

    /// Moves the oldest segment behind `batch`, if it keeps within `limits` whole.
    pub(super) fn take_segment(
        &mut self,
        fits: impl FnOnce(usize, usize) -> bool,
        batch: &mut VecDeque<Taken>,
        shares: &mut Shares,
    ) -> bool {
        let partition = self.number;
        let bytes = |events: &VecDeque<Taken>| {
            let sizes = events.iter().map(|taken| taken.event.as_bytes().len());
            sizes.sum::<usize>()
        };
        if let Some(mut complete) = self.complete.first_entry() {
            let segment = *complete.key();
            let Segment::Shared(events) = complete.get() else {
                return false;
            };
            if !fits(events.len(), bytes(events)) {
                return false;
            }
            shares.leave(Place { partition, segment }, complete.get());
            batch.append(complete.get_mut().share());
            complete.remove();
            return true;
        }
        let place = self.place(self.next);
        let Segment::Shared(events) = &mut self.open else {
            return false;
        };
        if events.is_empty() || !fits(events.len(), bytes(events)) {
            return false;
        }
        if mem::take(&mut self.counted) {
            shares.leave(place, &self.open);
        }
        batch.append(self.open.share());
        true
    }

    /// Moves the oldest events into `frame`, which must be empty, as far as they keep
    /// within `limits`; the first is taken at any size. A frame that fits is moved whole
    /// and costs nothing for each of its events. `is_local` tells the events of this node.
    pub(super) fn take_frame(
        &mut self,
        limits: MailboxLimits,
        is_local: impl Fn(EventRef<'_>) -> bool,
        frame: &mut Frame,
        shares: &mut Shares,
    ) {
        while let Some((number, mut oldest)) = self.take_oldest(shares) {
            match &mut oldest {
                Segment::Packed(packed) => {
                    packed.close_gaps();
                    if frame.is_empty() && limits.allow(packed.len(), packed.event_bytes()) {
                        mem::swap(frame, packed);
                    } else {
                        let (mut events, mut bytes) = (frame.len(), frame.event_bytes());
                        let fitting = packed.events().take_while(|(event, ..)| {
                            events += 1;
                            bytes += event.as_bytes().len();
                            limits.allow(events, bytes)
                        });
                        let fitting = fitting.count();
                        packed.move_front(fitting, frame);
                    }
                }
                Segment::Shared(events) => {
                    while let Some(taken) = events.pop_front_if(|taken| {
                        let bytes = frame.event_bytes() + taken.event.as_bytes().len();
                        limits.allow(frame.len() + 1, bytes)
                    }) {
                        work::note(1);
                        let event = taken.event.packed();
                        frame.push(event, is_local(event), taken.publisher, taken.position);
                    }
                }
            }
            if !oldest.is_empty() {
                self.give_back(number, oldest, shares);
                return;
            }
            self.reuse(oldest);
            // Another is not worth it for a few events more.
            if 2 * frame.len() > limits.events || 2 * frame.event_bytes() > limits.bytes {
                return;
            }
        }
    }

    /// Takes the oldest segment out, with its number.
    fn take_oldest(&mut self, shares: &mut Shares) -> Option<(i64, Segment)> {
        if let Some((number, segment)) = self.complete.pop_first() {
            shares.leave(self.place(number), &segment);
            return Some((number, segment));
        }
        if self.open.is_empty() {
            return None;
        }
        if mem::take(&mut self.counted) {
            shares.leave(self.place(self.next), &self.open);
        }
        Some((self.next, mem::take(&mut self.open)))
    }

    /// Puts the rest of the oldest segment back in its place.
    fn give_back(&mut self, number: i64, rest: Segment, shares: &mut Shares) {
        if number == self.next {
            self.open = rest;
        } else {
            shares.enter(self.place(number), &rest);
            self.complete.insert(number, rest);
        }
    }

    /// Keeps the room of an empty segment for those to come.
    fn reuse(&mut self, empty: Segment) {
        if let Segment::Packed(frame) = empty
            && frame.is_reusable()
        {
            match &mut self.open {
                Segment::Packed(open) if !open.is_reusable() && open.is_empty() => *open = frame,
                _ => self.spare = frame,
            }
        }
    }

    /// Shows every event that does not wait in a frame.
    pub(super) fn each_shared(&self, visit: &mut impl FnMut(&Event)) {
        for segment in self.complete.values().chain([&self.open]) {
            if let Segment::Shared(events) = segment {
                events.iter().for_each(|taken| visit(&taken.event));
            }
        }
    }
}

fn leave_one(shares: &mut Shares, place: Place, segment: &Segment, taken: &Taken) {
    let size = taken.event.as_bytes().len();
    shares.leave_one(place, segment, taken.position, taken.publisher, size);
}
