//! What waits in a mailbox: a queue for each lane.
//!
//! Putting in and taking out is all that happens as long as there is room. Only
//! when room must be made is it counted whose events wait; from then on the count
//! is kept, until nothing waits any more. Dropped events leave gaps, which are
//! closed when they outnumber the events. So no operation takes longer because
//! more events wait, but for the first that must make room.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::MailboxLimits;
use crate::event::Event;

/// Tells the publishers of one bus apart.
pub(in crate::bus) type PublisherId = u32;

/// Gaps that a lane may have before they are closed, however few its events.
const GAPS_ALLOWED: usize = 32;

/// An event that was taken, and can be put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Nothing in a gap, which is never taken.
    event: Option<Event>,
    publisher: PublisherId,
    /// Position among all that waits.
    position: i64,
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

    pub(super) fn publisher(&self) -> PublisherId {
        self.publisher
    }
}

#[derive(Debug)]
pub(super) struct Backlog {
    /// Most mailboxes have one, which then is where the lock is: publisher and
    /// consumer send each other as few cache lines as can be.
    lanes: SmallVec<[Lane; 1]>,
    events: usize,
    bytes: usize,
    /// Position of the next event that arrives.
    next: i64,
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

/// Slots in the order of their positions.
#[derive(Debug, Default)]
struct Lane {
    slots: VecDeque<Taken>,
    gaps: usize,
    bytes: usize,
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
            lanes: std::iter::repeat_with(Lane::default).take(lanes).collect(),
            events: 0,
            bytes: 0,
            next: 0,
            before: -1,
            census: None,
        }
    }

    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Events that came, dropped ones included.
    pub(super) fn received(&self) -> u64 {
        u64::try_from(self.next).unwrap_or_default()
    }

    /// Events waiting.
    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// Bytes of the events waiting.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, lane: usize, publisher: PublisherId, event: Event) {
        let position = self.next;
        self.next += 1;
        self.count_in(lane, publisher, &event, position);
        self.lanes[lane].slots.push_back(Taken {
            event: Some(event),
            publisher,
            position,
        });
    }

    /// Leaves out the position of an event that is dropped on arrival.
    pub(super) fn skip(&mut self) {
        self.next += 1;
    }

    /// Puts an event before all others.
    pub(super) fn push_front(&mut self, lane: usize, publisher: PublisherId, event: Event) {
        let position = self.before;
        self.before -= 1;
        self.count_in(lane, publisher, &event, position);
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
        let Lane { slots, gaps, .. } = &mut self.lanes[lane];
        while slots.front()?.event.is_none() {
            slots.pop_front();
            *gaps -= 1;
        }
        let taken = slots.pop_front_if(|slot| slot.event.as_ref().is_some_and(wanted))?;
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
        let Lane { slots, gaps, bytes } = &mut self.lanes[lane];
        let fits = slots.len() <= limits.events && (*bytes <= limits.bytes || slots.len() == 1);
        if !fits || *gaps > 0 || self.census.is_some() {
            return false;
        }
        std::mem::swap(slots, batch);
        self.events -= batch.len();
        self.bytes -= std::mem::take(bytes);
        true
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
        let mut slots: Vec<Taken> = std::mem::take(&mut self.lanes)
            .into_iter()
            .flat_map(|lane| lane.slots)
            .filter(|slot| slot.event.is_some())
            .collect();
        slots.sort_unstable_by_key(|slot| slot.position);
        self.lanes.resize_with(lanes, Lane::default);
        for slot in slots {
            let event = slot.event();
            let lane = &mut self.lanes[lane_of(event)];
            lane.bytes += event.as_bytes().len();
            lane.slots.push_back(slot);
        }
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

    fn count_in(&mut self, lane: usize, publisher: PublisherId, event: &Event, position: i64) {
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

impl Lane {
    /// Position and index of a publisher's oldest event, from a position on.
    fn find(&self, publisher: PublisherId, from: i64) -> Option<(i64, usize)> {
        let start = self.slots.partition_point(|slot| slot.position < from);
        let found = |slot: &Taken| slot.publisher == publisher && slot.event.is_some();
        let at = start + self.slots.iter().skip(start).position(found)?;
        Some((self.slots[at].position, at))
    }

    fn close_gaps(&mut self) {
        if self.gaps > GAPS_ALLOWED && self.gaps > self.slots.len() / 2 {
            self.slots.retain(|slot| slot.event.is_some());
            self.gaps = 0;
        }
    }
}

fn census(lanes: &[Lane]) -> Census {
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bus::mailbox::tests::event;

    #[derive(Clone, Debug)]
    enum Step {
        Push {
            lane: usize,
            publisher: PublisherId,
            size: usize,
        },
        Pop(usize),
        TakeLane(usize, MailboxLimits),
        PutBack(usize),
        MakeRoom(Scarce),
        Retain(usize),
        Deal,
    }

    const LANES: usize = 2;

    fn any_step() -> impl Strategy<Value = Step> {
        let push =
            (0..LANES, 0..3_u32, 1..40_usize).prop_map(|(lane, publisher, size)| Step::Push {
                lane,
                publisher,
                size,
            });
        prop_oneof![
            6 => push,
            2 => (0..LANES).prop_map(Step::Pop),
            1 => (0..LANES, 1..12_usize, 1..2_000_usize).prop_map(|(lane, events, bytes)| {
                Step::TakeLane(lane, MailboxLimits { events, bytes })
            }),
            1 => (0..LANES).prop_map(Step::PutBack),
            1 => Just(Step::MakeRoom(Scarce::Events)),
            1 => Just(Step::MakeRoom(Scarce::Bytes)),
            1 => (1..40_usize).prop_map(Step::Retain),
            1 => Just(Step::Deal),
        ]
    }

    /// The definition written down: a list in the order of arrival.
    #[derive(Default)]
    struct Naive(Vec<(usize, PublisherId, Event)>);

    impl Naive {
        fn pop(&mut self, lane: usize) -> Option<Event> {
            let at = self.0.iter().position(|(of, ..)| *of == lane)?;
            Some(self.0.remove(at).2)
        }

        fn make_room(&mut self, scarce: Scarce) {
            let takes = |publisher: PublisherId| -> usize {
                let own = self.0.iter().filter(|(_, of, _)| *of == publisher);
                own.map(|(.., event)| match scarce {
                    Scarce::Events => 1,
                    Scarce::Bytes => event.as_bytes().len(),
                })
                .sum()
            };
            let loudest = (0..3).max_by_key(|publisher| (takes(*publisher), *publisher));
            let at = self.0.iter().position(|(_, of, _)| Some(*of) == loudest);
            at.map(|at| self.0.remove(at));
        }
    }

    #[test]
    fn the_gaps_of_a_flood_that_nobody_takes_are_closed() {
        let mut backlog = Backlog::new(1);
        backlog.push(0, 1, event("good", "s"));
        for id in 0..10_000 {
            backlog.push(0, 2, event(&id.to_string(), "s"));
            if backlog.events() > 10 {
                backlog.make_room(Scarce::Events);
            }
        }
        assert!(backlog.lanes[0].slots.len() <= 2 * GAPS_ALLOWED + 10);
        let first = backlog.pop(0).map(|taken| taken.event().id().to_owned());
        assert_eq!(first.as_deref(), Some("good"));
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_backlog(steps in proptest::collection::vec(any_step(), 0..200)) {
            let mut backlog = Backlog::new(LANES);
            let mut naive = Naive::default();
            for (id, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push { lane, publisher, size } => {
                        let event = event(&id.to_string(), &"s".repeat(size));
                        backlog.push(lane, publisher, event.clone());
                        naive.0.push((lane, publisher, event));
                    }
                    Step::Pop(lane) => {
                        prop_assert_eq!(backlog.pop(lane).map(Taken::into_event), naive.pop(lane));
                    }
                    Step::TakeLane(lane, limits) => {
                        let mut batch = VecDeque::new();
                        if backlog.take_lane(lane, limits, &mut batch) {
                            let bytes: usize = batch.iter().map(|taken| taken.event().as_bytes().len()).sum();
                            prop_assert!(batch.len() <= limits.events);
                            prop_assert!(bytes <= limits.bytes || batch.len() == 1);
                            for taken in batch {
                                prop_assert_eq!(naive.pop(lane), Some(taken.into_event()));
                            }
                            prop_assert_eq!(naive.pop(lane), None, "something was left behind");
                        }
                    }
                    Step::PutBack(lane) => {
                        if let Some(taken) = backlog.pop(lane) {
                            let (publisher, event) = (taken.publisher(), taken.into_event());
                            prop_assert_eq!(naive.pop(lane), Some(event.clone()));
                            backlog.push_front(lane, publisher, event.clone());
                            naive.0.insert(0, (lane, publisher, event));
                        }
                    }
                    Step::MakeRoom(scarce) => {
                        backlog.make_room(scarce);
                        naive.make_room(scarce);
                    }
                    Step::Retain(size) => {
                        let wanted = |event: &Event| event.subject().is_some_and(|s| s.len() <= size);
                        let before = naive.0.len();
                        naive.0.retain(|(.., event)| wanted(event));
                        prop_assert_eq!(backlog.retain(wanted), before - naive.0.len());
                    }
                    Step::Deal => {
                        let lane_of = |event: &Event| event.subject().map_or(0, str::len) % LANES;
                        backlog.deal(LANES, lane_of);
                        for (lane, _, event) in &mut naive.0 {
                            *lane = lane_of(event);
                        }
                    }
                }
                let bytes: usize = naive.0.iter().map(|(.., event)| event.as_bytes().len()).sum();
                prop_assert_eq!((backlog.events(), backlog.bytes()), (naive.0.len(), bytes));
            }
            for lane in 0..LANES {
                while let Some(event) = naive.pop(lane) {
                    prop_assert_eq!(backlog.pop(lane).map(Taken::into_event), Some(event));
                }
                prop_assert_eq!(backlog.pop(lane), None);
            }
            prop_assert!(backlog.census.is_none());
        }
    }
}
