use proptest::prelude::*;

use super::*;
use crate::bus::mailbox::lane::GAPS_ALLOWED;
use crate::bus::mailbox::tests::event;

#[derive(Clone, Debug)]
enum Step {
    Push {
        lane: usize,
        publisher: PublisherId,
        size: usize,
        packed: bool,
    },
    Skip,
    Pop(usize),
    TakeFrame(usize, MailboxLimits),
    TakeLane(usize, MailboxLimits),
    PutBack(usize),
    MakeRoom(Scarce),
    Retain(usize),
    Deal,
}

const LANES: usize = 2;

fn any_step() -> impl Strategy<Value = Step> {
    let push = (0..LANES, 0..3_u32, 1..40_usize, any::<bool>());
    let push = push.prop_map(|(lane, publisher, size, packed)| Step::Push {
        lane,
        publisher,
        size,
        packed,
    });
    let limits = (1..12_usize, 1..2_000_usize);
    let limits = limits.prop_map(|(events, bytes)| MailboxLimits { events, bytes });
    prop_oneof![
        6 => push,
        2 => (0..LANES).prop_map(Step::Pop),
        1 => Just(Step::Skip),
        1 => (0..LANES, limits.clone()).prop_map(|(lane, limits)| Step::TakeLane(lane, limits)),
        2 => (0..LANES, limits).prop_map(|(lane, limits)| Step::TakeFrame(lane, limits)),
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
                Step::Push { lane, publisher, size, packed } => {
                    let event = event(&id.to_string(), &"s".repeat(size));
                    if packed && backlog.takes_packed(lane, false) {
                        backlog.push_packed(lane, publisher, event.packed(), true);
                    } else {
                        backlog.push(lane, publisher, event.clone());
                    }
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
                Step::Skip => backlog.skip(),
                Step::TakeFrame(lane, limits) => {
                    let mut frame = Frame::default();
                    backlog.take_frame(lane, limits, |_| true, &mut frame);
                    prop_assert!(frame.len() <= limits.events);
                    prop_assert!(frame.event_bytes() <= limits.bytes || frame.len() == 1);
                    let waits = naive.0.iter().any(|(of, ..)| *of == lane);
                    prop_assert_eq!(frame.is_empty(), !waits);
                    for (event, _) in frame.events() {
                        let expected = naive.pop(lane);
                        prop_assert_eq!(Some(event), expected.as_ref().map(Event::packed));
                    }
                }
                Step::PutBack(lane) => {
                    if let Some(taken) = backlog.pop(lane) {
                        let (publisher, event) = (taken.publisher, taken.into_event());
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
