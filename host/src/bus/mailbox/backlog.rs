//! What waits in a mailbox: a queue for each lane.
//!
//! Events of plugins wait in frames, behind those that do not fit into one. Whatever
//! needs to tell waiting events apart takes them out of their frames first.
//!
//! Putting in and taking out is all that happens as long as there is room. Only
//! when room must be made is it counted whose events wait; from then on the count
//! is kept, until nothing waits any more. Dropped events leave gaps, which are
//! closed when they outnumber the events. So no operation takes longer because
//! more events wait, but for the first that must make room.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;
use hearken_wire::EventRef;

use super::MailboxLimits;
use super::frame::Frame;
use super::lane::{Lane, PublisherId, Taken};
use super::lanes::Lanes;
use crate::event::Event;

/// Begins with what changes whenever an event comes or goes, so that publisher and
/// consumer send each other as few cache lines as can be.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Backlog {
    events: usize,
    bytes: usize,
    /// Position of the next event that arrives.
    next: i64,
    lanes: Lanes,
    /// Position of the next event that comes back: before all others.
    before: i64,
    census: Option<Census>,
}

/// Who has how much waiting.
type Census = HashMap<PublisherId, Share, FixedState>;

/// What of a backlog is one publisher's.
#[derive(Debug)]
struct Share {
    events: usize,
    bytes: usize,
    /// None of its events has a position below this one.
    oldest: i64,
}

/// What a mailbox is short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scarce {
    Events,
    Bytes,
}

impl Backlog {
    pub(super) fn new(lanes: usize) -> Self {
        Self {
            events: 0,
            bytes: 0,
            next: 0,
            lanes: Lanes::new(lanes),
            before: -1,
            census: None,
        }
    }

    #[inline]
    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Events that came, dropped ones included.
    pub(super) fn received(&self) -> u64 {
        u64::try_from(self.next).unwrap_or_default()
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
        self.lanes[lane].unpack();
        let position = self.next;
        self.next += 1;
        self.count_in(lane, publisher, event.packed(), position);
        self.lanes[lane].slots.push_back(Taken {
            event: Some(event),
            publisher,
            position,
        });
    }

    /// Whether an event may wait in a frame: not while it is counted whose events
    /// wait, and one that is better shared only behind others in frames.
    #[inline]
    pub(super) fn takes_packed(&self, lane: usize, better_shared: bool) -> bool {
        self.census.is_none() && (!better_shared || self.lanes[lane].has_frames())
    }

    /// Puts an event into the newest frame of a lane.
    #[inline]
    pub(super) fn push_packed(
        &mut self,
        lane: usize,
        publisher: PublisherId,
        event: EventRef<'_>,
        local: bool,
    ) {
        debug_assert!(self.takes_packed(lane, false));
        let position = self.next;
        self.next += 1;
        self.count_in(lane, publisher, event, position);
        self.lanes[lane].push_packed(position, publisher, event, local);
    }

    /// Leaves out the position of an event that is dropped on arrival.
    pub(super) fn skip(&mut self) {
        self.next += 1;
    }

    /// Puts an event before all others.
    pub(super) fn push_front(&mut self, lane: usize, publisher: PublisherId, event: Event) {
        let position = self.before;
        self.before -= 1;
        self.count_in(lane, publisher, event.packed(), position);
        self.lanes[lane].slots.push_front(Taken {
            event: Some(event),
            publisher,
            position,
        });
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
        let own = &mut self.lanes[lane];
        if !own.has_slots() {
            own.unpack_front();
        }
        let taken = own
            .slots
            .pop_front_if(|slot| slot.event.as_ref().is_some_and(wanted))?;
        self.count_out(lane, taken.publisher, taken.event().as_bytes().len());
        Some(taken)
    }

    /// Takes all events of a lane, if they keep within `limits`, at a cost that does
    /// not depend on how many there are; `batch` must be empty. Returns whether it
    /// did.
    pub(super) fn take_lane(
        &mut self,
        lane: usize,
        limits: MailboxLimits,
        batch: &mut VecDeque<Taken>,
    ) -> bool {
        let own = &mut self.lanes[lane];
        let packed = own.has_frames();
        let Lane {
            slots, gaps, bytes, ..
        } = own;
        if !limits.allow(slots.len(), *bytes) || packed || *gaps > 0 || self.census.is_some() {
            return false;
        }
        std::mem::swap(slots, batch);
        self.events -= batch.len();
        self.bytes -= std::mem::take(bytes);
        true
    }

    /// Moves the oldest events of a lane into `frame`, which must be empty, as far as
    /// they keep within `limits`; the first is taken at any size. Events that wait in
    /// a frame cost nothing each. `is_local` tells the events of this node.
    pub(super) fn take_frame(
        &mut self,
        lane: usize,
        limits: MailboxLimits,
        is_local: impl Fn(EventRef<'_>) -> bool,
        frame: &mut Frame,
    ) {
        let own = &mut self.lanes[lane];
        if !own.has_slots() {
            own.take_front_frame(limits, frame);
            let (events, bytes) = (frame.len(), frame.event_bytes());
            own.bytes -= bytes;
            self.events -= events;
            self.bytes -= bytes;
            return;
        }
        let fits = |event: &Event, frame: &Frame| {
            let bytes = frame.event_bytes() + event.as_bytes().len();
            limits.allow(frame.len() + 1, bytes)
        };
        while self.lanes[lane].has_slots()
            && let Some(taken) = self.pop_if(lane, |event| fits(event, frame))
        {
            let event = taken.event().packed();
            frame.push(event, is_local(event), taken.publisher);
        }
    }

    /// Drops the oldest event of the publisher that takes most of what is scarce.
    pub(super) fn make_room(&mut self, scarce: Scarce) {
        if self.events == 0 {
            return;
        }
        let takes = |share: &Share| match scarce {
            Scarce::Events => share.events,
            Scarce::Bytes => share.bytes,
        };
        if self.census.is_none() {
            self.unpack();
        }
        let lanes = &self.lanes;
        let census = self.census.get_or_insert_with(|| census(lanes));
        let loudest = census
            .iter()
            .max_by_key(|(id, share)| (takes(share), **id))
            .map(|(id, share)| (*id, share.oldest));
        let Some((publisher, from)) = loudest else {
            return;
        };
        let oldest = self
            .lanes
            .iter()
            .enumerate()
            .filter_map(|(lane, slots)| Some((slots.find(publisher, from)?, lane)))
            .min();
        if let Some(((position, at), lane)) = oldest {
            if let Some(share) = self.census.as_mut().and_then(|all| all.get_mut(&publisher)) {
                share.oldest = position;
            }
            self.drop_slot(lane, at);
        }
    }

    /// Shows every event that does not wait in a frame.
    pub(super) fn each_slot(&self, visit: impl FnMut(&Event)) {
        let slots = self.lanes.iter().flat_map(|lane| &lane.slots);
        slots.filter_map(|slot| slot.event.as_ref()).for_each(visit);
    }

    /// Gives back what memory is kept for later, if nothing waits.
    pub(super) fn trim(&mut self) {
        if self.events == 0 {
            self.clear();
        }
    }

    /// Drops all events.
    pub(super) fn clear(&mut self) {
        self.lanes
            .iter_mut()
            .for_each(|lane| *lane = Lane::default());
        self.events = 0;
        self.bytes = 0;
        self.census = None;
    }

    /// Drops the unwanted events; returns how many.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Event) -> bool) -> usize {
        let before = self.events;
        self.unpack();
        for lane in 0..self.lanes.len() {
            // From behind, so that closing gaps moves nothing that is still to be seen.
            for at in (0..self.lanes[lane].slots.len()).rev() {
                let unwanted =
                    |slot: &Taken| slot.event.as_ref().is_some_and(|event| !wanted(event));
                if self.lanes[lane].slots.get(at).is_some_and(unwanted) {
                    self.drop_slot(lane, at);
                }
            }
        }
        before - self.events
    }

    /// Deals all events to new lanes, in the order of their arrival.
    pub(super) fn deal(&mut self, lanes: usize, lane_of: impl Fn(&Event) -> usize) {
        self.unpack();
        let mut slots: Vec<Taken> = std::mem::replace(&mut self.lanes, Lanes::new(lanes))
            .iter_mut()
            .flat_map(|lane| std::mem::take(&mut lane.slots))
            .filter(|slot| slot.event.is_some())
            .collect();
        slots.sort_unstable_by_key(|slot| slot.position);
        for slot in slots {
            let event = slot.event();
            let lane = &mut self.lanes[lane_of(event)];
            lane.bytes += event.as_bytes().len();
            lane.slots.push_back(slot);
        }
    }

    /// Takes all events out of their frames.
    fn unpack(&mut self) {
        self.lanes.iter_mut().for_each(Lane::unpack);
    }

    fn drop_slot(&mut self, lane: usize, at: usize) {
        let own = &mut self.lanes[lane];
        let Some(slot) = own.slots.get_mut(at) else {
            return;
        };
        let publisher = slot.publisher;
        let Some(event) = slot.event.take() else {
            return;
        };
        own.gaps += 1;
        own.close_gaps();
        self.count_out(lane, publisher, event.as_bytes().len());
    }

    #[inline]
    fn count_in(
        &mut self,
        lane: usize,
        publisher: PublisherId,
        event: EventRef<'_>,
        position: i64,
    ) {
        let size = event.as_bytes().len();
        self.events += 1;
        self.bytes += size;
        self.lanes[lane].bytes += size;
        if let Some(census) = &mut self.census {
            count(census, publisher, size, position);
        }
    }

    fn count_out(&mut self, lane: usize, publisher: PublisherId, size: usize) {
        self.events -= 1;
        self.bytes -= size;
        self.lanes[lane].bytes -= size;
        if self.events == 0 {
            self.census = None;
        }
        let Some(census) = &mut self.census else {
            return;
        };
        if let Some(share) = census.get_mut(&publisher) {
            share.events -= 1;
            share.bytes -= size;
            if share.events == 0 {
                census.remove(&publisher);
            }
        }
    }
}

fn census(lanes: &Lanes) -> Census {
    let mut census = Census::default();
    for slot in lanes.iter().flat_map(|lane| &lane.slots) {
        if let Some(event) = &slot.event {
            let size = event.as_bytes().len();
            count(&mut census, slot.publisher, size, slot.position);
        }
    }
    census
}

fn count(census: &mut Census, publisher: PublisherId, size: usize, position: i64) {
    let share = census.entry(publisher).or_insert(Share {
        events: 0,
        bytes: 0,
        oldest: position,
    });
    share.events += 1;
    share.bytes += size;
    share.oldest = share.oldest.min(position);
}

#[cfg(test)]
mod tests;
