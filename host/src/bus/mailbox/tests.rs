use std::collections::VecDeque;
use std::sync::Mutex;

use hearken_wire::EventRef;

use super::limits::MAX_FRAMED_BYTES;
use super::*;
use crate::event::{Draft, Event, EventType, Stamp};

mod handover;

pub(in crate::bus) fn event(id: &str, subject: &str) -> Event {
    let mut draft = Draft::new(EventType::custom("t").unwrap());
    draft.subject = Some(subject.to_owned().into());
    stamped(&draft, id, "a")
}

fn stamped(draft: &Draft<'_>, id: &str, origin: &str) -> Event {
    draft.stamp(&Stamp {
        id: [id, ""],
        source: "/s",
        time: 0,
        origin,
        sequence: None,
    })
}

fn mailbox(events: usize, overflow: Overflow, partitions: usize) -> Mailbox {
    let bytes = 1 << 20;
    with_limits(MailboxLimits { events, bytes }, overflow, partitions)
}

/// A mailbox whose events wait in frames, as those of a plugin.
fn with_limits(limits: MailboxLimits, overflow: Overflow, partitions: usize) -> Mailbox {
    Mailbox::new(limits, overflow, partitions, Some("a".into()))
}

fn push(mailbox: &Mailbox, event: &Event, publisher: PublisherId) -> u64 {
    push_for(1, mailbox, event, publisher)
}

/// Puts in an event that has so many receivers.
fn push_for(receivers: usize, mailbox: &Mailbox, event: &Event, publisher: PublisherId) -> u64 {
    let event = Incoming::shared(receivers, event, publisher);
    let mut dropped = 0;
    mailbox
        .push([event], 0, &mut dropped)
        .expect("the first version of the filters");
    dropped
}

fn ids(mailbox: &Mailbox, partition: usize) -> Vec<String> {
    std::iter::from_fn(|| mailbox.try_recv(partition).ok().flatten())
        .map(|event| event.id().to_owned())
        .collect()
}

#[test]
fn what_comes_by_outdated_routes_is_turned_away() {
    let mailbox = mailbox(2, Overflow::DropOldest, 1);
    let known = event("1", "s");
    let push = |version| mailbox.push([Incoming::shared(1, &known, 1)], version, &mut 0);
    mailbox.outdate(7);
    assert_eq!(push(6), Err(Outdated { taken: 0 }));
    assert_eq!((mailbox.queued(), mailbox.received()), (0, 0));
    assert_eq!(push(7), Ok(()));
    assert_eq!(ids(&mailbox, 0), ["1"]);
}

#[test]
fn drop_oldest_keeps_the_newest() {
    let mailbox = mailbox(2, Overflow::DropOldest, 1);
    let dropped: u64 = ["1", "2", "3"]
        .iter()
        .map(|id| push(&mailbox, &event(id, "s"), 1))
        .sum();
    assert_eq!(dropped, 1);
    assert_eq!(ids(&mailbox, 0), ["2", "3"]);
}

#[test]
fn a_flood_displaces_only_itself() {
    let mailbox = mailbox(10, Overflow::DropOldest, 2);
    for id in 0..3 {
        push(&mailbox, &event(&format!("good-{id}"), "s"), 1);
    }
    for id in 0..100 {
        push(&mailbox, &event(&format!("flood-{id}"), &id.to_string()), 2);
    }
    let mut left: Vec<String> = (0..2)
        .flat_map(|partition| ids(&mailbox, partition))
        .collect();
    left.sort();
    let newest = (93..100).map(|id| format!("flood-{id}"));
    let expected: Vec<String> = newest
        .chain((0..3).map(|id| format!("good-{id}")))
        .collect();
    assert_eq!(left, expected);
}

#[test]
fn drop_newest_keeps_the_oldest() {
    let mailbox = mailbox(2, Overflow::DropNewest, 1);
    let dropped: u64 = ["1", "2", "3"]
        .iter()
        .map(|id| push(&mailbox, &event(id, "s"), 1))
        .sum();
    assert_eq!(dropped, 1);
    assert_eq!(ids(&mailbox, 0), ["1", "2"]);
}

#[test]
fn disconnect_empties_and_closes() {
    let mailbox = mailbox(2, Overflow::Disconnect, 1);
    let dropped: u64 = ["1", "2", "3", "4"]
        .iter()
        .map(|id| push(&mailbox, &event(id, "s"), 1))
        .sum();
    assert_eq!(dropped, 3);
    assert_eq!(mailbox.try_recv(0), Err(Closed::Overflowed { dropped: 3 }));
}

#[test]
fn bytes_are_bounded_too() {
    let size = event("1", "s").as_bytes().len();
    let limits = MailboxLimits {
        events: 10,
        bytes: 2 * size,
    };
    let mailbox = with_limits(limits, Overflow::DropOldest, 1);
    for id in ["1", "2", "3"] {
        push(&mailbox, &event(id, "s"), 1);
    }
    assert_eq!(ids(&mailbox, 0), ["2", "3"]);
    assert_eq!(
        push(&mailbox, &event("4", &"s".repeat(3 * size)), 1),
        1,
        "never fits"
    );
    assert_eq!(mailbox.queued(), 0);
}

#[test]
fn a_flood_of_large_events_displaces_only_itself() {
    let large = "s".repeat(1000);
    let size = event("large", &large).as_bytes().len();
    let limits = MailboxLimits {
        events: 1000,
        bytes: 4 * size,
    };
    let mailbox = with_limits(limits, Overflow::DropOldest, 1);
    for id in 0..5 {
        push(&mailbox, &event(&format!("good-{id}"), "s"), 1);
    }
    for _ in 0..20 {
        push(&mailbox, &event("large", &large), 2);
    }
    let left = ids(&mailbox, 0);
    assert!(left.starts_with(&[0, 1, 2, 3, 4].map(|id| format!("good-{id}"))));
    assert!(left.len() > 5, "and the newest of the flood: {left:?}");
}

#[test]
fn a_subject_stays_in_one_partition_in_order_also_when_partitions_change() {
    let mailbox = mailbox(100, Overflow::DropOldest, 4);
    for id in 0..40 {
        push(
            &mailbox,
            &event(&format!("{id:02}"), &format!("s{}", id % 7)),
            1,
        );
    }
    assert_eq!(
        mailbox.reconfigure(
            MailboxLimits {
                events: 30,
                bytes: 1 << 20
            },
            Overflow::DropOldest,
            3
        ),
        10
    );
    let mut all = Vec::new();
    for partition in 0..3 {
        let ids = ids(&mailbox, partition);
        assert!(ids.is_sorted(), "{ids:?}");
        all.extend(ids);
    }
    all.sort();
    let newest: Vec<String> = (10..40).map(|id| format!("{id:02}")).collect();
    assert_eq!(all, newest);
}

#[test]
fn closing_lets_the_rest_be_received() {
    let mailbox = mailbox(2, Overflow::DropOldest, 1);
    push(&mailbox, &event("1", "s"), 1);
    mailbox.close();
    assert_eq!(push(&mailbox, &event("2", "s"), 1), 0);
    assert_eq!(ids(&mailbox, 0), ["1"]);
    assert_eq!(mailbox.try_recv(0), Err(Closed::Done));
}

#[test]
fn a_batch_keeps_within_its_limits_but_for_one_large_event() {
    for framed_on in [None, Some("a".into())] {
        let limits = MailboxLimits::default();
        let mailbox = Mailbox::new(limits, Overflow::DropOldest, 1, framed_on);
        let size = event("1", "s").as_bytes().len();
        for id in ["1", "2", "3"] {
            push(&mailbox, &event(id, "s"), 1);
        }
        let batch = |events, bytes| {
            let mut batch = VecDeque::new();
            let limits = MailboxLimits { events, bytes };
            mailbox
                .try_recv_batch(0, limits, &mut batch)
                .map(|()| batch.len())
        };
        assert_eq!(batch(10, 2 * size), Ok(2));
        assert_eq!(batch(10, 1), Ok(1), "an event that is too large by itself");
        assert_eq!(batch(10, 1), Ok(0));
    }
}

/// Ids of the next frame.
fn frame(mailbox: &Mailbox, events: usize, bytes: usize) -> Vec<String> {
    let mut frame = Frame::default();
    let limits = MailboxLimits { events, bytes };
    mailbox
        .try_recv_frame(0, limits, &mut frame)
        .expect("it is open");
    frame
        .events()
        .map(|(event, ..)| event.id().to_owned())
        .collect()
}

#[test]
fn a_frame_keeps_within_its_limits_but_for_one_large_event() {
    for framed_on in [None, Some("a".into())] {
        let limits = MailboxLimits::default();
        let mailbox = Mailbox::new(limits, Overflow::DropOldest, 1, framed_on);
        let size = event("1", "s").as_bytes().len();
        for id in ["1", "2", "3", "4", "5", "6"] {
            push(&mailbox, &event(id, "s"), 1);
        }
        assert_eq!(frame(&mailbox, 10, 2 * size), ["1", "2"]);
        assert_eq!(frame(&mailbox, 1, 10 * size), ["3"]);
        assert_eq!(frame(&mailbox, 10, 1), ["4"]);
        assert_eq!(frame(&mailbox, 10, 10 * size), ["5", "6"]);
        assert!(frame(&mailbox, 10, 10 * size).is_empty());
    }
}

#[test]
fn events_too_large_for_a_frame_keep_their_place() {
    let mailbox = mailbox(10, Overflow::DropOldest, 1);
    for (id, bytes) in [("1", 0), ("2", MAX_FRAMED_BYTES), ("3", 0), ("4", 0)] {
        let mut draft = Draft::new(EventType::custom("t").unwrap());
        draft.data = Some(vec![0; bytes].into());
        push(&mailbox, &stamped(&draft, id, "a"), 1);
    }
    let mut ids = Vec::new();
    while ids.len() < 4 {
        ids.extend(frame(&mailbox, 10, 1 << 20));
    }
    assert_eq!(ids, ["1", "2", "3", "4"]);
    assert_eq!(mailbox.queued(), 0);
}

#[test]
fn what_goes_to_many_keeps_its_place_among_the_rest() {
    let mailbox = mailbox(10, Overflow::DropOldest, 1);
    for (id, receivers) in [("1", 999), ("2", 1), ("3", 999), ("4", 1), ("5", 999)] {
        push_for(receivers, &mailbox, &event(id, "s"), 1);
    }
    let mut frames = vec![frame(&mailbox, 10, 1 << 20), frame(&mailbox, 10, 1 << 20)];
    push_for(999, &mailbox, &event("6", "s"), 1);
    frames.push(frame(&mailbox, 10, 1 << 20));
    assert_eq!(frames.concat(), ["1", "2", "3", "4", "5", "6"]);
}

#[test]
fn a_frame_says_which_events_are_of_the_node() {
    let mailbox = mailbox(10, Overflow::DropOldest, 1);
    let foreign = stamped(&Draft::new(EventType::custom("t").unwrap()), "2", "b");
    push(&mailbox, &event("1", "s"), 1);
    push(&mailbox, &foreign, 1);
    let mut frame = Frame::default();
    mailbox
        .try_recv_frame(0, MailboxLimits::default(), &mut frame)
        .expect("it is open");
    let local: Vec<bool> = hearken_wire::frame::Deliveries::new(frame.bytes(0..2))
        .map(|delivery| delivery.expect("a frame").local)
        .collect();
    assert_eq!(local, [true, false]);
    assert_eq!(frame.event(1), Some(foreign.packed()));
    assert_eq!(frame.event(2), None);
    assert_eq!(frame.bytes(1..3), frame.bytes(1..2));
}

#[test]
fn what_is_put_back_comes_first_and_in_order() {
    let mailbox = mailbox(3, Overflow::DropOldest, 1);
    for id in ["1", "2", "3"] {
        push(&mailbox, &event(id, "s"), 1);
    }
    let limits = MailboxLimits {
        events: 2,
        ..MailboxLimits::default()
    };
    let mut taken = Frame::default();
    mailbox
        .try_recv_frame(0, limits, &mut taken)
        .expect("it is open");
    push(&mailbox, &event("4", "s"), 1);
    mailbox.put_back(&taken, 0);
    assert_eq!(ids(&mailbox, 0), ["1", "2", "3", "4"]);
    mailbox.put_back(&taken, 1);
    assert_eq!(ids(&mailbox, 0), ["2"]);
}

#[test]
fn what_was_taken_is_unfinished_until_it_is_counted_as_finished() {
    let mailbox = mailbox(10, Overflow::DropOldest, 1);
    for id in ["1", "2", "3", "4"] {
        push(&mailbox, &event(id, "s"), 1);
    }
    assert_eq!(mailbox.unfinished(0), 4);
    let limits = MailboxLimits {
        events: 3,
        ..MailboxLimits::default()
    };
    let mut taken = Frame::default();
    mailbox
        .try_recv_frame(0, limits, &mut taken)
        .expect("it is open");
    assert_eq!((mailbox.queued(), mailbox.unfinished(0)), (1, 4));
    assert_eq!(mailbox.unfinished(1), 3);
    mailbox.put_back(&taken, 1);
    assert_eq!((mailbox.queued(), mailbox.unfinished(1)), (3, 3));
    assert_eq!(mailbox.unfinished(0), 4, "one is in hand still");
}

#[test]
fn unwanted_events_are_discarded() {
    let mailbox = mailbox(4, Overflow::DropOldest, 1);
    push(&mailbox, &event("1", "keep"), 1);
    push(&mailbox, &event("2", "drop"), 1);
    assert_eq!(
        mailbox.retain(1, |event| event.subject() == Some("keep")),
        1
    );
    assert_eq!(mailbox.queued(), 1);
    assert_eq!(ids(&mailbox, 0), ["1"]);
}

#[test]
fn frames_of_several_partitions_are_as_long_as_those_of_one() {
    for partitions in [1, 2, 8] {
        let mailbox = mailbox(10_000, Overflow::DropOldest, partitions);
        for id in 0..64 * 64 {
            push(
                &mailbox,
                &event(&id.to_string(), &format!("subject-{}", id % 64)),
                1,
            );
        }
        let mut frames = Vec::new();
        for partition in 0..partitions {
            loop {
                let mut frame = Frame::default();
                let limits = MailboxLimits {
                    events: Frame::MOST_EVENTS,
                    bytes: Frame::MOST_BYTES,
                };
                mailbox
                    .try_recv_frame(partition, limits, &mut frame)
                    .expect("it is open");
                if frame.is_empty() {
                    break;
                }
                frames.push(frame.len());
            }
        }
        assert_eq!(frames.iter().sum::<usize>(), 64 * 64);
        let full = frames
            .iter()
            .filter(|events| **events == Frame::MOST_EVENTS);
        // The last of each partition may be shorter.
        assert!(
            full.count() + partitions >= frames.len(),
            "{partitions} partitions: {frames:?}"
        );
    }
}

#[test]
fn frames_stay_long_while_old_events_make_room() {
    let mailbox = mailbox(1_000, Overflow::DropOldest, 1);
    for id in 0..10_000 {
        push(&mailbox, &event(&id.to_string(), "s"), id % 3);
    }
    let mut frames = Vec::new();
    while mailbox.queued() > 0 {
        frames.push(frame(&mailbox, 64, 1 << 20).len());
    }
    assert_eq!(frames.iter().sum::<usize>(), 1_000);
    assert!(frames.len() <= 2 * (1_000 / 64 + 1), "{frames:?}");
}

#[test]
fn nothing_that_concerns_all_events_holds_the_lock_for_long() {
    /// Some segments: far from all events.
    const MOST: usize = 5_000;
    let limits = |events: u32| MailboxLimits {
        events: events as usize,
        bytes: 1 << 30,
    };
    for (framed_on, all) in [(None, 10_000), (Some("a".into()), 100_000)] {
        let mailbox = Mailbox::new(limits(all), Overflow::DropOldest, 1, framed_on);
        let events: Vec<Event> = (0..500)
            .map(|id| event("id", &format!("subject-{id}")))
            .collect();
        for (id, event) in (0..all).zip(events.iter().cycle()) {
            push(&mailbox, event, id % 10);
        }
        let held = work::most();
        assert!(held <= MOST, "{held} events for a push");
        assert_eq!(push(&mailbox, &event("first overflow", "s"), 7), 1);
        let mut draft = Draft::new(EventType::custom("t").unwrap());
        draft.data = Some(vec![0; 2 * MAX_FRAMED_BYTES].into());
        push(&mailbox, &stamped(&draft, "large", "a"), 8);
        let held = work::most();
        assert!(held <= MOST, "{held} events for an overflow");
        for partitions in [8, 8, 1] {
            mailbox.reconfigure(limits(all), Overflow::DropOldest, partitions);
            let held = work::most();
            assert!(held <= MOST, "{held} events for {partitions} partitions");
        }
        assert_eq!(mailbox.queued(), all as usize);
        let odd = |event: EventRef<'_>| event.subject().is_none_or(|name| name.ends_with('1'));
        let discarded = mailbox.retain(1, odd);
        let held = work::most();
        assert!(held <= MOST, "{held} events for new filters");
        assert!(discarded > all as usize / 2);
        let left = mailbox.queued();
        assert_eq!(left, all as usize - discarded);
        let dropped = mailbox.reconfigure(limits(100), Overflow::DropNewest, 2);
        let held = work::most();
        assert!(held <= MOST, "{held} events for a smaller mailbox");
        assert_eq!(dropped, left as u64 - 100);
    }
}

#[test]
fn an_event_that_displaces_thousands_lets_others_have_their_turn() {
    let small = event("small", "s").as_bytes().len();
    let limits = MailboxLimits {
        events: 100_000,
        bytes: 10_000 * small,
    };
    let mailbox = with_limits(limits, Overflow::DropOldest, 1);
    for _ in 0..10_000 {
        push(&mailbox, &event("small", "s"), 1);
    }
    let mut draft = Draft::new(EventType::custom("t").unwrap());
    draft.data = Some(vec![0; 9_000 * small].into());
    work::most();
    let dropped = push(&mailbox, &stamped(&draft, "large", "a"), 2);
    let held = work::most();
    assert!(dropped > 9_000, "{dropped}");
    assert!(held <= 5_000, "{held} events under one lock");
    assert_eq!(mailbox.queued() as u64, 10_001 - dropped);
}
