use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::bus::{Bus, BusConfig, Overflow, Publisher, ReceiverKind, Subscription};
use crate::clock::SystemClock;
use crate::cluster::link::inbox::Inbox;
use crate::cluster::link::inbox::tests::Received;
use crate::cluster::link::interest::LinkFilters;
use crate::cluster::wire::protocol;
use crate::event::{Draft, EventType};

/// Events that wait at most.
const ROOM: usize = 8;

/// Largest event that the other side takes: larger than one without data.
const LARGEST: usize = 400;

fn bus() -> (Bus, Publisher, Outbox) {
    let bus = Bus::new(BusConfig {
        node: "peer".into(),
        incarnation: "i".to_owned(),
        max_event_bytes: 1 << 20,
        clock: std::sync::Arc::new(SystemClock),
    });
    let all = protocol::Filter {
        pattern: "*".to_owned(),
        ..protocol::Filter::default()
    };
    let receiver = bus.subscribe(Subscription {
        name: "link".into(),
        kind: ReceiverKind::Link,
        filters: Vec::new(),
        limits: MailboxLimits {
            events: ROOM,
            bytes: 1 << 20,
        },
        overflow: Overflow::DropOldest,
        partitions: 1,
    });
    let outbox = Outbox::new(1, Arc::new(receiver), LARGEST);
    outbox.reroute(&LinkFilters::default().replace(&[all]).expect("a filter"));
    let publisher = bus.publisher("/nodes/peer", "peer");
    (bus, publisher, outbox)
}

fn publish(publisher: &Publisher, number: u64, large: bool) {
    let data = vec![b'x'; if large { LARGEST } else { 0 }];
    let draft = Draft {
        id: Some(number.to_string().into()),
        data: Some(data.into()),
        distributed: true,
        ..Draft::new(EventType::custom("a").expect("valid"))
    };
    publisher.publish(&draft).expect("valid");
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Publishes events, of which every so manieth is too large for the other side.
    Publish(u64, u64),
    /// Hands a frame to the network.
    Send,
    /// The network hands a frame to the other side.
    Arrive,
    /// The other side's acknowledgement arrives.
    Acknowledge,
    /// The connection breaks with all that is on its way, and another is made.
    Reconnect,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..12_u64, 1..6_u64).prop_map(|(count, large)| Step::Publish(count, large)),
        Just(Step::Send),
        Just(Step::Arrive),
        Just(Step::Acknowledge),
        Just(Step::Reconnect),
    ]
}

proptest! {
    #[test]
    fn every_event_arrives_once_and_in_order_or_is_known_to_be_missing(
        steps in proptest::collection::vec(any_step(), 1..120),
    ) {
        let (_bus, publisher, mut outbox) = bus();
        let mut inbox = Inbox::default();
        inbox.resume(outbox.stream());
        let mut received = Received::default();
        let mut network: VecDeque<Events> = VecDeque::new();
        let mut published = 0;
        // In the end everything is sent.
        let end = (0..ROOM).flat_map(|_| [Step::Send, Step::Arrive, Step::Acknowledge]);
        for step in steps.into_iter().chain([Step::Reconnect]).chain(end) {
            match step {
                Step::Publish(count, large) => {
                    for _ in 0..count {
                        published += 1;
                        publish(&publisher, published, published % large == 0);
                    }
                }
                Step::Send => network.extend(outbox.next()),
                Step::Arrive => {
                    while let Some(frame) = network.pop_front() {
                        inbox.take(&frame, "peer", &mut received).expect("a valid frame");
                    }
                }
                Step::Acknowledge => outbox.acknowledge(inbox.received()).expect("it was sent"),
                Step::Reconnect => {
                    network.clear();
                    outbox.resume(inbox.received()).expect("it was sent");
                }
            }
        }
        prop_assert!(outbox.is_empty());
        prop_assert_eq!(inbox.received(), published);
        let mut seen: Vec<u64> = Vec::new();
        for id in &received.events {
            seen.push(id.parse().expect("a number"));
        }
        prop_assert!(seen.is_sorted_by(|a, b| a < b), "{:?}", seen);
        let mut missing: Vec<u64> = Vec::new();
        for (first, last) in &received.gaps {
            missing.extend(*first..=last.expect("known"));
        }
        prop_assert_eq!(outbox.dropped(), missing.len() as u64);
        let mut all = [seen, missing].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (1..=published).collect::<Vec<u64>>());
    }
}

#[test]
fn an_acknowledgement_of_what_was_not_sent_breaks_the_protocol() {
    let (_bus, publisher, mut outbox) = bus();
    publish(&publisher, 1, false);
    assert!(outbox.acknowledge(1).is_err());
    assert!(outbox.next().is_some());
    assert_eq!(outbox.acknowledge(1), Ok(()));
    assert!(outbox.resume(2).is_err());
}

#[test]
fn a_side_that_has_forgotten_the_stream_gets_nothing_twice() {
    let (_bus, publisher, mut outbox) = bus();
    for number in 1..=3 {
        publish(&publisher, number, false);
        outbox.next().expect("an event");
    }
    // It may not have heard of the stream at all.
    assert_eq!(outbox.skip(), None);
    assert_eq!(outbox.next().map(|frame| frame.runs[0].first), Some(1));

    outbox.acknowledge(1).expect("it was sent");
    publish(&publisher, 4, false);
    let skip = outbox.skip().expect("it knew some");
    assert_eq!((skip.after, skip.unsure), (3, 2));
    let mut inbox = Inbox::default();
    assert_eq!(inbox.resume(outbox.stream()), None);
    let mut received = Received::default();
    inbox
        .skip(skip.after, skip.unsure, &mut received)
        .expect("there are such events");
    let frame = outbox.next().expect("what was never sent");
    inbox
        .take(&frame, "peer", &mut received)
        .expect("a valid frame");
    assert_eq!(received.events, ["4"]);
    assert_eq!(received.gaps, [(2, None)]);
    assert_eq!(outbox.unacknowledged(), 3);

    // What was acknowledged is not missing.
    outbox.acknowledge(4).expect("it was sent");
    assert_eq!(outbox.unacknowledged(), 0);
    let skip = outbox.skip().expect("it knew some");
    let mut forgetful = Inbox::default();
    forgetful.resume(outbox.stream());
    let mut received = Received::default();
    forgetful
        .skip(skip.after, skip.unsure, &mut received)
        .expect("there are such events");
    assert_eq!((forgetful.received(), received.gaps.len()), (4, 0));
    assert!(forgetful.skip(u64::MAX, 0, &mut received).is_err());
}

#[test]
fn what_may_be_missing_is_told_on_each_connection_until_that_is_acknowledged() {
    let (_bus, publisher, mut outbox) = bus();
    for number in 1..=3 {
        publish(&publisher, number, false);
        outbox.next().expect("an event");
    }
    outbox.acknowledge(1).expect("it was sent");
    let told = Some(Skip {
        after: 3,
        unsure: 2,
    });
    assert_eq!(outbox.skip(), told);
    assert!(!outbox.is_empty(), "it may not have come");
    // The connection breaks before the other side has heard of the stream.
    assert_eq!(outbox.skip(), told);
    // It breaks again when it has heard of that, and of nothing else.
    assert_eq!(outbox.resume(0), Ok(told));
    publish(&publisher, 4, false);
    assert_eq!(outbox.next().map(|frame| frame.runs[0].first), Some(4));
    assert_eq!(outbox.resume(0), Ok(told));
    assert_eq!(outbox.next().map(|frame| frame.runs[0].first), Some(4));

    assert_eq!(outbox.resume(3), Ok(None));
    assert_eq!(outbox.next().map(|frame| frame.runs[0].first), Some(4));
    outbox.acknowledge(4).expect("it was sent");
    assert!(outbox.is_empty());

    // Where nothing is missing, the other side has to hear just that.
    let told = Some(Skip {
        after: 4,
        unsure: 0,
    });
    assert_eq!(outbox.skip(), told);
    assert_eq!(outbox.resume(0), Ok(told));
    outbox.acknowledge(4).expect("it was sent");
    assert_eq!(outbox.resume(4), Ok(None));
}

/// What is on its way to a side that may have forgotten the stream.
enum OnItsWay {
    Resume,
    Skip(Skip),
    Events(Events),
}

proptest! {
    #[test]
    fn whoever_forgets_the_stream_is_told_what_may_be_missing_and_nothing_else(
        // Nothing is a moment in which the other side forgets all.
        steps in proptest::collection::vec(proptest::option::weighted(0.85, any_step()), 1..120),
    ) {
        let (_bus, publisher, mut outbox) = bus();
        let mut inbox = Inbox::default();
        let mut received = Received::default();
        let mut network = VecDeque::from([OnItsWay::Resume]);
        let mut published = 0;
        // Whether the other side has heard over this connection where the stream goes on.
        let mut linked = false;
        // Number of the last event that it is known to have, or to miss.
        let mut sure = 0;
        let mut missing: Vec<u64> = Vec::new();
        // Longer than what can be on its way.
        let end = (0..150).flat_map(|_| [Step::Send, Step::Arrive, Step::Acknowledge]);
        let end = std::iter::once(Step::Reconnect).chain(end).map(Some);
        for step in steps.into_iter().chain(end) {
            // Who has acknowledged nothing is taken for one that never heard of the stream.
            let forgets = step.is_none() && sure > 0;
            if forgets {
                inbox = Inbox::default();
            }
            match step {
                Some(Step::Publish(count, large)) => {
                    for _ in 0..count {
                        published += 1;
                        publish(&publisher, published, published % large == 0);
                    }
                }
                Some(Step::Send) => network.extend(outbox.next().map(OnItsWay::Events)),
                Some(Step::Arrive) => {
                    let before = received.gaps.len();
                    let told = network.pop_front();
                    let mut behind = None;
                    match told {
                        Some(OnItsWay::Resume) => {
                            linked = true;
                            prop_assert_eq!(inbox.resume(outbox.stream()), None);
                        }
                        Some(OnItsWay::Skip(Skip { after, unsure })) => {
                            behind = Some(after);
                            inbox.skip(after, unsure, &mut received).expect("there are such events");
                        }
                        Some(OnItsWay::Events(frame)) => {
                            inbox.take(&frame, "peer", &mut received).expect("a valid frame");
                        }
                        None => {}
                    }
                    for (first, last) in &received.gaps[before..] {
                        prop_assert!(*first > sure, "{first} is not missing, up to {sure} came");
                        missing.extend(*first..=last.or(behind).expect("known"));
                    }
                }
                Some(Step::Acknowledge) => if linked {
                    outbox.acknowledge(inbox.received()).expect("it was sent");
                    sure = sure.max(inbox.received());
                }
                Some(Step::Reconnect) | None => {
                    network.clear();
                    linked = false;
                    let skip = if inbox.stream() == outbox.stream() {
                        sure = sure.max(inbox.received());
                        outbox.resume(inbox.received()).expect("it was sent")
                    } else {
                        outbox.skip()
                    };
                    network.push_back(OnItsWay::Resume);
                    network.extend(skip.map(OnItsWay::Skip));
                }
            }
        }
        prop_assert!(outbox.is_empty());
        prop_assert_eq!(inbox.received(), published);
        let mut seen: Vec<u64> = Vec::new();
        for id in &received.events {
            seen.push(id.parse().expect("a number"));
        }
        prop_assert!(seen.is_sorted_by(|a, b| a < b), "{:?}", seen);
        let counted = received.gaps.iter().filter_map(|(first, last)| Some(*first..=(*last)?));
        for number in counted.flatten() {
            prop_assert!(!seen.contains(&number), "{} came", number);
        }
        for number in 1..=published {
            let known = seen.contains(&number) || missing.contains(&number);
            prop_assert!(known, "nothing is told of {}", number);
        }
    }
}
