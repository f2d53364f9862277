use proptest::prelude::*;

use super::*;
use crate::bus::mailbox::tests::event;

#[derive(Clone, Debug)]
enum Step {
    Push(Push),
    Skip,
    Pop(usize),
    TakeFrame(usize, MailboxLimits),
    TakeBatch(usize, MailboxLimits),
    PutBack(usize, usize),
    MakeRoom(Scarce),
    Retain(usize),
    Deal(usize, Vec<Push>),
}

#[derive(Clone, Debug)]
struct Push {
    partition: usize,
    publisher: PublisherId,
    size: usize,
    packed: bool,
}

fn any_push() -> impl Strategy<Value = Push> {
    let push = (0..4_usize, 0..3_u32, 1..40_usize, any::<bool>());
    push.prop_map(|(partition, publisher, size, packed)| Push {
        partition,
        publisher,
        size,
        packed,
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    let limits = (1..80_usize, 1..10_000_usize);
    let limits = limits.prop_map(|(events, bytes)| MailboxLimits { events, bytes });
    let partition = || 0..4_usize;
    prop_oneof![
        30 => any_push().prop_map(Step::Push),
        3 => partition().prop_map(Step::Pop),
        1 => Just(Step::Skip),
        1 => (partition(), limits.clone()).prop_map(|(partition, limits)| Step::TakeBatch(partition, limits)),
        2 => (partition(), limits).prop_map(|(partition, limits)| Step::TakeFrame(partition, limits)),
        1 => (partition(), 0..70_usize).prop_map(|(partition, events)| Step::PutBack(partition, events)),
        3 => Just(Step::MakeRoom(Scarce::Events)),
        3 => Just(Step::MakeRoom(Scarce::Bytes)),
        1 => (1..40_usize).prop_map(Step::Retain),
        1 => (1..4_usize, proptest::collection::vec(any_push(), 0..4))
            .prop_map(|(partitions, pushes)| Step::Deal(partitions, pushes)),
    ]
}

/// The definition written down: a list in the order of arrival.
struct Naive {
    partitions: usize,
    arrived: u64,
    /// With position, partition and publisher.
    events: Vec<(u64, usize, PublisherId, Event)>,
}

impl Naive {
    fn push(&mut self, partition: usize, publisher: PublisherId, event: Event) {
        self.events
            .push((self.arrived, partition, publisher, event));
        self.arrived += 1;
    }

    fn pop(&mut self, partition: usize) -> Option<Event> {
        let at = self
            .events
            .iter()
            .position(|(_, of, ..)| *of == partition)?;
        Some(self.events.remove(at).3)
    }

    fn make_room(&mut self, scarce: Scarce) {
        let takes = |publisher: PublisherId| -> usize {
            let own = self.events.iter().filter(|(.., of, _)| *of == publisher);
            own.map(|(.., event)| match scarce {
                Scarce::Events => 1,
                Scarce::Bytes => event.as_bytes().len(),
            })
            .sum()
        };
        let loudest = (0..3).max_by_key(|publisher| (takes(*publisher), *publisher));
        let at = self
            .events
            .iter()
            .position(|(.., of, _)| Some(*of) == loudest);
        at.map(|at| self.events.remove(at));
    }
}

/// Both, which must agree.
struct Pair {
    backlog: Backlog,
    naive: Naive,
    pushed: usize,
}

impl Pair {
    fn push(&mut self, push: &Push) {
        let partition = push.partition % self.naive.partitions;
        self.pushed += 1;
        let event = event(&self.pushed.to_string(), &"s".repeat(push.size));
        if push.packed && self.backlog.takes_packed(partition, false) {
            self.backlog
                .push_packed(partition, push.publisher, event.packed(), true);
        } else {
            self.backlog.push(partition, push.publisher, event.clone());
        }
        self.naive.push(partition, push.publisher, event);
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let partitions = self.naive.partitions;
        let Self { backlog, naive, .. } = self;
        match step {
            Step::Push(push) => self.push(&push),
            Step::Pop(partition) => {
                let popped = backlog.pop(partition % partitions).map(Taken::into_event);
                prop_assert_eq!(popped, naive.pop(partition % partitions));
            }
            Step::TakeBatch(partition, limits) => {
                let partition = partition % partitions;
                let mut batch = VecDeque::new();
                backlog.take_batch(partition, limits, &mut batch);
                let sizes = batch.iter().map(|taken| taken.event().as_bytes().len());
                prop_assert!(limits.allow(batch.len(), sizes.sum()));
                let waits = naive.events.iter().any(|(_, of, ..)| *of == partition);
                prop_assert_eq!(batch.is_empty(), !waits);
                for taken in batch {
                    prop_assert_eq!(naive.pop(partition), Some(taken.into_event()));
                }
            }
            Step::Skip => {
                backlog.skip();
                naive.arrived += 1;
            }
            Step::TakeFrame(partition, limits) => {
                let partition = partition % partitions;
                let mut frame = Frame::default();
                backlog.take_frame(partition, limits, |_| true, &mut frame);
                prop_assert!(limits.allow(frame.len(), frame.event_bytes()));
                let waits = naive.events.iter().any(|(_, of, ..)| *of == partition);
                prop_assert_eq!(frame.is_empty(), !waits);
                prop_assert_eq!(frame.events().count(), frame.len());
                for (event, ..) in frame.events() {
                    let expected = naive.pop(partition);
                    prop_assert_eq!(Some(event), expected.as_ref().map(Event::packed));
                }
            }
            Step::PutBack(partition, events) => {
                let partition = partition % partitions;
                let taken: VecDeque<Taken> =
                    (0..events).map_while(|_| backlog.pop(partition)).collect();
                // The first of them is done with.
                let mut back = taken.clone();
                if back.pop_front().is_some() {
                    naive.pop(partition);
                }
                let expected = naive.events.iter().filter(|(_, of, ..)| *of == partition);
                let expected = expected.map(|(at, _, by, event)| (*at, *by, event.clone()));
                let given = back
                    .iter()
                    .map(|taken| (taken.position, taken.publisher, taken.event().clone()));
                prop_assert!(given.eq(expected.take(back.len())));
                backlog.put_back(partition, back);
            }
            Step::MakeRoom(scarce) => {
                backlog.make_room(scarce);
                naive.make_room(scarce);
            }
            Step::Retain(size) => {
                let wanted = |subject: Option<&str>| subject.is_some_and(|s| s.len() <= size);
                let before = naive.events.len();
                naive.events.retain(|(.., event)| wanted(event.subject()));
                let until = backlog.received();
                let mut cursor = Cursor::default();
                let mut discarded = 0;
                while let Some(more) =
                    backlog.retain_some(&mut cursor, until, 3, |event| wanted(event.subject()))
                {
                    discarded += more;
                }
                prop_assert_eq!(discarded, before - naive.events.len());
            }
            Step::Deal(partitions, pushes) => {
                let partition_of = |subject: Option<&str>| subject.map_or(0, str::len) % partitions;
                backlog.deal(partitions);
                naive.partitions = partitions;
                for (_, partition, _, event) in &mut naive.events {
                    *partition = partition_of(event.subject());
                }
                let mut pushes = pushes.iter();
                let mut more = true;
                while more {
                    if let Some(push) = pushes.next() {
                        self.push(push);
                        self.backlog.make_room(Scarce::Events);
                        self.naive.make_room(Scarce::Events);
                    }
                    more = self
                        .backlog
                        .deal_some(3, |event| partition_of(event.subject()));
                    self.agree()?;
                }
            }
        }
        self.agree()
    }

    fn agree(&self) -> Result<(), TestCaseError> {
        let Self { backlog, naive, .. } = self;
        let sizes = naive
            .events
            .iter()
            .map(|(.., event)| event.as_bytes().len());
        let counted = (backlog.events(), backlog.bytes(), backlog.received());
        prop_assert_eq!(counted, (naive.events.len(), sizes.sum(), naive.arrived));
        Ok(())
    }
}

proptest! {
    #[test]
    fn agrees_with_the_naive_backlog(
        partitions in 1..4_usize,
        steps in proptest::collection::vec(any_step(), 0..400),
    ) {
        let naive = Naive { partitions, arrived: 0, events: Vec::new() };
        let mut pair = Pair { backlog: Backlog::new(partitions), naive, pushed: 0 };
        for step in steps {
            pair.step(step)?;
        }
        let Pair { mut backlog, mut naive, .. } = pair;
        for partition in 0..naive.partitions {
            while let Some(event) = naive.pop(partition) {
                prop_assert_eq!(backlog.pop(partition).map(Taken::into_event), Some(event));
            }
            prop_assert_eq!(backlog.pop(partition), None);
        }
        prop_assert!(backlog.shares.is_empty());
    }
}

#[test]
fn a_flood_that_nobody_takes_leaves_nothing_behind() {
    let mut backlog = Backlog::new(1);
    backlog.push(0, 1, event("good", "s"));
    for id in 0..10_000 {
        let event = event(&id.to_string(), "s");
        match id % 100 {
            0 => backlog.push(0, 2, event),
            _ => backlog.push_packed(0, 2, event.packed(), true),
        }
        if backlog.events() > 10 {
            backlog.make_room(Scarce::Events);
        }
    }
    let mut segments = 0;
    let mut from = i64::MIN;
    while let Some((number, _)) = backlog.partitions[0].segment_from(from) {
        (segments, from) = (segments + 1, number + 1);
    }
    assert!(segments <= 11, "{segments} segments for 10 events");
    let first = backlog.pop(0).map(|taken| taken.event().id().to_owned());
    assert_eq!(first.as_deref(), Some("good"));
}
