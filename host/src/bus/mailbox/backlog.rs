//! What waits in a mailbox: a queue for each lane.
//!
//! Events wait in segments: those of plugins in frames, others as they are. Whatever
//! moves, counts or drops events does so segment by segment, and so no operation takes
//! longer because more events wait: what concerns all of them ([`Backlog::retain_some`],
//! [`Backlog::deal_some`]) is done in steps, between which others have their turn.

use std::collections::VecDeque;

use hearken_wire::EventRef;

use super::census::{Census, Scarce};
use super::frame::Frame;
use super::lanes::Lanes;
use super::segment::Taken;
use super::{MailboxLimits, PublisherId};
use crate::event::Event;

/// Begins with what changes whenever an event comes or goes, so that publisher and
/// consumer send each other as few cache lines as can be.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Backlog {
    events: usize,
    bytes: usize,
    /// Position of the next event that arrives.
    next: u64,
    lanes: Lanes,
    /// Lanes whose events are still to be dealt to the others.
    former: Option<Lanes>,
    census: Census,
}

/// How far it has been looked through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    lane: usize,
    segment: i64,
    /// Positions below this one have been seen.
    position: u64,
    started: bool,
}

impl Backlog {
    pub(super) fn new(lanes: usize) -> Self {
        Self {
            events: 0,
            bytes: 0,
            next: 0,
            lanes: Lanes::new(lanes, 0),
            former: None,
            census: Census::default(),
        }
    }

    #[inline]
    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Events that came, dropped ones included.
    pub(super) fn received(&self) -> u64 {
        self.next
    }

    /// Events waiting.
    #[inline]
    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// Bytes of the events waiting.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    #[inline]
    pub(super) fn push(&mut self, lane: usize, publisher: PublisherId, event: Event) {
        let position = self.count_in(event.as_bytes().len());
        let taken = Taken {
            event,
            publisher,
            position,
        };
        self.lanes[lane].push(taken, &mut self.census);
    }

    /// Whether an event goes into a frame: one that is better shared only behind others.
    #[inline]
    pub(super) fn takes_packed(&self, lane: usize, better_shared: bool) -> bool {
        !better_shared || self.lanes[lane].has_open_frame()
    }

    /// Puts an event into a frame.
    #[inline]
    pub(super) fn push_packed(
        &mut self,
        lane: usize,
        publisher: PublisherId,
        event: EventRef<'_>,
        local: bool,
    ) {
        let position = self.count_in(event.as_bytes().len());
        let census = &mut self.census;
        self.lanes[lane].push_packed(position, publisher, event, local, census);
    }

    /// Leaves out the position of an event that is dropped on arrival.
    pub(super) fn skip(&mut self) {
        self.next += 1;
    }

    #[inline]
    fn count_in(&mut self, size: usize) -> u64 {
        let position = self.next;
        self.next += 1;
        self.events += 1;
        self.bytes += size;
        position
    }

    /// Puts events that were taken from a lane back before all others of it.
    pub(super) fn put_back(&mut self, lane: usize, events: VecDeque<Taken>) {
        self.events += events.len();
        let sizes = events.iter().map(|taken| taken.event.as_bytes().len());
        self.bytes += sizes.sum::<usize>();
        self.lanes[lane].prepend(events, &mut self.census);
    }

    /// Takes the oldest event of a lane.
    pub(super) fn pop(&mut self, lane: usize) -> Option<Taken> {
        self.pop_if(lane, |_| true)
    }

    /// Takes the oldest event of a lane if it is `wanted`.
    pub(super) fn pop_if(
        &mut self,
        lane: usize,
        wanted: impl FnOnce(&Event) -> bool,
    ) -> Option<Taken> {
        let wanted = |taken: &Taken| wanted(&taken.event);
        let taken = self.lanes[lane].pop_if(wanted, &mut self.census)?;
        self.events -= 1;
        self.bytes -= taken.event.as_bytes().len();
        Some(taken)
    }

    /// Moves the oldest events of a lane behind `batch`, as far as they keep within
    /// `limits`; the first of the batch is taken at any size.
    pub(super) fn take_batch(
        &mut self,
        lane: usize,
        limits: MailboxLimits,
        batch: &mut VecDeque<Taken>,
    ) {
        let (before, mut events, mut bytes) = (batch.len(), 0, 0);
        loop {
            let fits = |more: usize, more_bytes: usize| {
                let within = limits.allow(events + more, bytes + more_bytes);
                if within {
                    (events, bytes) = (events + more, bytes + more_bytes);
                }
                within
            };
            if !self.lanes[lane].take_segment(fits, batch, &mut self.census) {
                break;
            }
        }
        self.events -= batch.len() - before;
        self.bytes -= bytes;
        let mut fits = |event: &Event| {
            bytes += event.as_bytes().len();
            events += 1;
            limits.allow(events, bytes)
        };
        while let Some(taken) = self.pop_if(lane, &mut fits) {
            batch.push_back(taken);
        }
    }

    /// Moves the oldest events of a lane into `frame`, which must be empty, as far as
    /// they keep within `limits`; the first is taken at any size. `is_local` tells the
    /// events of this node.
    pub(super) fn take_frame(
        &mut self,
        lane: usize,
        limits: MailboxLimits,
        is_local: impl Fn(EventRef<'_>) -> bool,
        frame: &mut Frame,
    ) {
        self.lanes[lane].take_frame(limits, is_local, frame, &mut self.census);
        self.events -= frame.len();
        self.bytes -= frame.event_bytes();
    }

    /// Drops the oldest event of the publisher that takes most of what is scarce.
    pub(super) fn make_room(&mut self, scarce: Scarce) {
        for lanes in [Some(&mut self.lanes), self.former.as_mut()] {
            let lanes = lanes.into_iter().flat_map(|lanes| lanes.iter_mut());
            lanes.for_each(|lane| lane.count(&mut self.census));
        }
        let Some((position, place)) = self.census.oldest_of_loudest(scarce) else {
            return;
        };
        let lane = [Some(&mut self.lanes), self.former.as_mut()]
            .into_iter()
            .flatten()
            .find_map(|lanes| lanes.by_number(place.lane));
        let size = lane.and_then(|lane| lane.drop_one(place.segment, position, &mut self.census));
        if let Some(size) = size {
            self.events -= 1;
            self.bytes -= size;
        }
    }

    /// Shows every event that does not wait in a frame.
    pub(super) fn each_shared(&self, mut visit: impl FnMut(&Event)) {
        for lane in self.lanes.iter() {
            lane.each_shared(&mut visit);
        }
    }

    /// Gives back what memory is kept for later, if nothing waits.
    pub(super) fn trim(&mut self) {
        if self.events == 0 {
            drop(self.clear());
        }
    }

    /// Gives up all events, which the caller drops when it has the time.
    #[must_use]
    pub(super) fn clear(&mut self) -> Self {
        let next = self.next;
        let fresh = Self {
            next,
            ..Self::new(self.lanes())
        };
        std::mem::replace(self, fresh)
    }

    /// Looks at up to `most` events behind a cursor that came before position `until`, and
    /// drops those that are unwanted; returns how many, or nothing if none was left.
    pub(super) fn retain_some(
        &mut self,
        cursor: &mut Cursor,
        until: u64,
        most: usize,
        wanted: impl Fn(EventRef<'_>) -> bool,
    ) -> Option<usize> {
        if cursor.lane >= self.lanes() {
            return None;
        }
        let from = if cursor.started {
            cursor.segment
        } else {
            i64::MIN
        };
        let lane = &mut self.lanes[cursor.lane];
        let Some((number, segment)) = lane.segment_from(from) else {
            *cursor = Cursor {
                lane: cursor.lane + 1,
                ..Cursor::default()
            };
            return Some(0);
        };
        if (cursor.started, cursor.segment) != (true, number) {
            cursor.position = 0;
        }
        (cursor.started, cursor.segment) = (true, number);
        let seen = cursor.position;
        let mut unwanted = Vec::new();
        let mut over = true;
        let behind = segment.events().filter(|(.., at)| *at >= seen);
        for (at, (event, _, position)) in behind.enumerate() {
            if at == most {
                over = false;
                break;
            }
            cursor.position = position + 1;
            if position < until && !wanted(event) {
                unwanted.push((position, event.as_bytes().len()));
            }
        }
        for (position, size) in &unwanted {
            if lane.drop_one(number, *position, &mut self.census).is_some() {
                self.events -= 1;
                self.bytes -= size;
            }
        }
        if over {
            cursor.segment += 1;
        }
        Some(unwanted.len())
    }

    /// From now on there are so many lanes; what waits is dealt to them by
    /// [`Backlog::deal_some`], which must come to its end before anything is taken.
    pub(super) fn deal(&mut self, lanes: usize) {
        let lanes = Lanes::new(lanes, self.lanes.end());
        self.former = Some(std::mem::replace(&mut self.lanes, lanes));
    }

    /// Deals up to `most` events to the new lanes, the newest first, so that all of a lane
    /// are in the order of their arrival; returns whether some are left.
    pub(super) fn deal_some(
        &mut self,
        most: usize,
        lane_of: impl Fn(EventRef<'_>) -> usize,
    ) -> bool {
        let Some(former) = &mut self.former else {
            return false;
        };
        let mut dealt: Vec<VecDeque<Taken>> = Vec::new();
        dealt.resize_with(self.lanes.len(), VecDeque::new);
        for _ in 0..most {
            let newest = former.iter_mut().max_by_key(|lane| lane.last_position());
            let Some(taken) = newest.and_then(|lane| lane.pop_back(&mut self.census)) else {
                self.former = None;
                break;
            };
            dealt[lane_of(taken.event.packed())].push_front(taken);
        }
        for (lane, events) in dealt.into_iter().enumerate() {
            self.lanes[lane].prepend(events, &mut self.census);
        }
        self.former.is_some()
    }
}

#[cfg(test)]
mod tests;
