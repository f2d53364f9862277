//! What waits in a mailbox: each event linked to its neighbours of the same lane,
//! for whoever takes, and to those of the same publisher, for when room must be
//! made. So no operation takes longer because more events wait; making room takes
//! one look at each publisher that has events waiting.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use slab::Slab;

use crate::event::Event;

/// Tells the publishers of one bus apart.
pub(in crate::bus) type PublisherId = u32;

/// An event that was taken, and can be put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The event.
    pub event: Event,
    publisher: PublisherId,
}

impl Taken {
    pub(super) fn publisher(&self) -> PublisherId {
        self.publisher
    }
}

#[derive(Debug)]
pub(super) struct Backlog {
    slots: Slab<Slot>,
    lanes: Vec<Ends>,
    publishers: HashMap<PublisherId, Share, FixedState>,
    bytes: usize,
    /// Position of the next event that arrives.
    next: i64,
    /// Position of the next event that comes back: before all others.
    before: i64,
}

#[derive(Debug)]
struct Slot {
    event: Event,
    publisher: PublisherId,
    lane: usize,
    /// Position among all that waits.
    position: i64,
    /// By [`LANE`] and [`PUBLISHER`].
    links: [Links; 2],
}

const LANE: usize = 0;
const PUBLISHER: usize = 1;

#[derive(Clone, Copy, Debug, Default)]
struct Links {
    previous: Option<usize>,
    next: Option<usize>,
}

/// The ends of a list, oldest event first.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    first: Option<usize>,
    last: Option<usize>,
}

/// What of a backlog is one publisher's.
#[derive(Debug, Default)]
struct Share {
    list: Ends,
    events: usize,
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
            slots: Slab::new(),
            lanes: vec![Ends::default(); lanes],
            publishers: HashMap::default(),
            bytes: 0,
            next: 0,
            before: -1,
        }
    }

    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Events waiting.
    pub(super) fn events(&self) -> usize {
        self.slots.len()
    }

    /// Bytes of the events waiting.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, lane: usize, publisher: PublisherId, event: Event) {
        let slot = self.insert(lane, publisher, event, self.next);
        self.next += 1;
        let share = self.publishers.entry(publisher).or_default();
        append(&mut self.slots, &mut share.list, PUBLISHER, slot);
        append(&mut self.slots, &mut self.lanes[lane], LANE, slot);
    }

    /// Puts an event before all others.
    pub(super) fn push_front(&mut self, lane: usize, publisher: PublisherId, event: Event) {
        let slot = self.insert(lane, publisher, event, self.before);
        self.before -= 1;
        let share = self.publishers.entry(publisher).or_default();
        prepend(&mut self.slots, &mut share.list, PUBLISHER, slot);
        prepend(&mut self.slots, &mut self.lanes[lane], LANE, slot);
    }

    fn insert(
        &mut self,
        lane: usize,
        publisher: PublisherId,
        event: Event,
        position: i64,
    ) -> usize {
        let size = event.as_bytes().len();
        self.bytes += size;
        let share = self.publishers.entry(publisher).or_default();
        share.events += 1;
        share.bytes += size;
        self.slots.insert(Slot {
            event,
            publisher,
            lane,
            position,
            links: Default::default(),
        })
    }

    /// Takes the oldest event of a lane.
    pub(super) fn pop(&mut self, lane: usize) -> Option<Taken> {
        let slot = self.lanes[lane].first?;
        Some(self.remove(slot))
    }

    /// Bytes of the oldest event of a lane.
    pub(super) fn oldest_bytes(&self, lane: usize) -> Option<usize> {
        let slot = self.lanes[lane].first?;
        Some(self.slots[slot].event.as_bytes().len())
    }

    /// Drops the oldest event of the publisher that takes most of what is scarce.
    pub(super) fn make_room(&mut self, scarce: Scarce) {
        let takes = |share: &Share| match scarce {
            Scarce::Events => share.events,
            Scarce::Bytes => share.bytes,
        };
        let loudest = self
            .publishers
            .iter()
            .max_by_key(|(id, share)| (takes(share), **id));
        if let Some(slot) = loudest.and_then(|(_, share)| share.list.first) {
            self.remove(slot);
        }
    }

    /// Drops the unwanted events; returns how many.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Event) -> bool) -> usize {
        let unwanted: Vec<usize> = self
            .slots
            .iter()
            .filter(|(_, slot)| !wanted(&slot.event))
            .map(|(slot, _)| slot)
            .collect();
        for slot in &unwanted {
            self.remove(*slot);
        }
        unwanted.len()
    }

    /// Deals all events to new lanes, in the order of their arrival.
    pub(super) fn deal(&mut self, lanes: usize, lane_of: impl Fn(&Event) -> usize) {
        let mut order: Vec<usize> = self.slots.iter().map(|(slot, _)| slot).collect();
        order.sort_unstable_by_key(|slot| self.slots[*slot].position);
        self.lanes = vec![Ends::default(); lanes];
        for slot in order {
            let lane = lane_of(&self.slots[slot].event);
            self.slots[slot].lane = lane;
            append(&mut self.slots, &mut self.lanes[lane], LANE, slot);
        }
    }

    fn remove(&mut self, slot: usize) -> Taken {
        let Slot {
            publisher, lane, ..
        } = self.slots[slot];
        unlink(&mut self.slots, &mut self.lanes[lane], LANE, slot);
        let size = self.slots[slot].event.as_bytes().len();
        self.bytes -= size;
        if let Some(share) = self.publishers.get_mut(&publisher) {
            unlink(&mut self.slots, &mut share.list, PUBLISHER, slot);
            share.events -= 1;
            share.bytes -= size;
            if share.events == 0 {
                self.publishers.remove(&publisher);
            }
        }
        let event = self.slots.remove(slot).event;
        Taken { event, publisher }
    }
}

fn append(slots: &mut Slab<Slot>, ends: &mut Ends, list: usize, slot: usize) {
    slots[slot].links[list] = Links {
        previous: ends.last,
        next: None,
    };
    match ends.last {
        Some(last) => slots[last].links[list].next = Some(slot),
        None => ends.first = Some(slot),
    }
    ends.last = Some(slot);
}

fn prepend(slots: &mut Slab<Slot>, ends: &mut Ends, list: usize, slot: usize) {
    slots[slot].links[list] = Links {
        previous: None,
        next: ends.first,
    };
    match ends.first {
        Some(first) => slots[first].links[list].previous = Some(slot),
        None => ends.last = Some(slot),
    }
    ends.first = Some(slot);
}

fn unlink(slots: &mut Slab<Slot>, ends: &mut Ends, list: usize, slot: usize) {
    let Links { previous, next } = slots[slot].links[list];
    match previous {
        Some(previous) => slots[previous].links[list].next = next,
        None => ends.first = next,
    }
    match next {
        Some(next) => slots[next].links[list].previous = previous,
        None => ends.last = previous,
    }
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

    proptest! {
        #[test]
        fn agrees_with_the_naive_backlog(steps in proptest::collection::vec(any_step(), 0..60)) {
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
                        prop_assert_eq!(backlog.pop(lane).map(|taken| taken.event), naive.pop(lane));
                    }
                    Step::PutBack(lane) => {
                        if let Some(Taken { event, publisher }) = backlog.pop(lane) {
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
                    prop_assert_eq!(backlog.pop(lane).map(|taken| taken.event), Some(event));
                }
                prop_assert_eq!(backlog.pop(lane), None);
            }
            prop_assert!(backlog.publishers.is_empty());
        }
    }
}
