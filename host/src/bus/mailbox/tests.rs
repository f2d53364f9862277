use super::*;
use crate::event::{Draft, EventType, Stamp};

pub(in crate::bus) fn event(id: &str, subject: &str) -> Event {
    let mut draft = Draft::new(EventType::custom("t").unwrap());
    draft.subject = Some(subject.to_owned().into());
    draft.stamp(&Stamp {
        id: [id, ""],
        source: "/s",
        time: 0,
        origin: "a",
        sequence: None,
    })
}

fn mailbox(events: usize, overflow: Overflow, lanes: usize) -> Mailbox {
    Mailbox::new(
        MailboxLimits {
            events,
            bytes: 1 << 20,
        },
        overflow,
        lanes,
    )
}

fn ids(mailbox: &Mailbox, lane: usize) -> Vec<String> {
    std::iter::from_fn(|| mailbox.try_recv(lane).ok().flatten())
        .map(|event| event.id().to_owned())
        .collect()
}

#[test]
fn drop_oldest_keeps_the_newest() {
    let mailbox = mailbox(2, Overflow::DropOldest, 1);
    let dropped: u64 = ["1", "2", "3"]
        .iter()
        .map(|id| mailbox.push([event(id, "s")], 1))
        .sum();
    assert_eq!(dropped, 1);
    assert_eq!(ids(&mailbox, 0), ["2", "3"]);
}

#[test]
fn a_flood_displaces_only_itself() {
    let mailbox = mailbox(10, Overflow::DropOldest, 2);
    for id in 0..3 {
        mailbox.push([event(&format!("good-{id}"), "s")], 1);
    }
    for id in 0..100 {
        mailbox.push([event(&format!("flood-{id}"), &id.to_string())], 2);
    }
    let mut left: Vec<String> = (0..2).flat_map(|lane| ids(&mailbox, lane)).collect();
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
        .map(|id| mailbox.push([event(id, "s")], 1))
        .sum();
    assert_eq!(dropped, 1);
    assert_eq!(ids(&mailbox, 0), ["1", "2"]);
}

#[test]
fn disconnect_empties_and_closes() {
    let mailbox = mailbox(2, Overflow::Disconnect, 1);
    let dropped: u64 = ["1", "2", "3", "4"]
        .iter()
        .map(|id| mailbox.push([event(id, "s")], 1))
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
    let mailbox = Mailbox::new(limits, Overflow::DropOldest, 1);
    for id in ["1", "2", "3"] {
        mailbox.push([event(id, "s")], 1);
    }
    assert_eq!(ids(&mailbox, 0), ["2", "3"]);
    assert_eq!(
        mailbox.push([event("4", &"s".repeat(3 * size))], 1),
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
    let mailbox = Mailbox::new(limits, Overflow::DropOldest, 1);
    for id in 0..5 {
        mailbox.push([event(&format!("good-{id}"), "s")], 1);
    }
    for _ in 0..20 {
        mailbox.push([event("large", &large)], 2);
    }
    let left = ids(&mailbox, 0);
    assert!(left.starts_with(&[0, 1, 2, 3, 4].map(|id| format!("good-{id}"))));
    assert!(left.len() > 5, "and the newest of the flood: {left:?}");
}

#[test]
fn a_subject_stays_in_one_lane_in_order_also_when_lanes_change() {
    let mailbox = mailbox(100, Overflow::DropOldest, 4);
    for id in 0..40 {
        mailbox.push([event(&format!("{id:02}"), &format!("s{}", id % 7))], 1);
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
    for lane in 0..3 {
        let ids = ids(&mailbox, lane);
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
    mailbox.push([event("1", "s")], 1);
    mailbox.close();
    assert_eq!(mailbox.push([event("2", "s")], 1), 0);
    assert_eq!(ids(&mailbox, 0), ["1"]);
    assert_eq!(mailbox.try_recv(0), Err(Closed::Done));
}

#[test]
fn a_batch_keeps_within_its_limits_but_for_one_large_event() {
    let mailbox = mailbox(10, Overflow::DropOldest, 1);
    let size = event("1", "s").as_bytes().len();
    for id in ["1", "2", "3"] {
        mailbox.push([event(id, "s")], 1);
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

#[test]
fn what_is_put_back_comes_first_and_in_order() {
    let mailbox = mailbox(3, Overflow::DropOldest, 1);
    for id in ["1", "2", "3"] {
        mailbox.push([event(id, "s")], 1);
    }
    let limits = MailboxLimits {
        events: 2,
        ..MailboxLimits::default()
    };
    let mut taken = VecDeque::new();
    mailbox
        .try_recv_batch(0, limits, &mut taken)
        .expect("it is open");
    mailbox.push([event("4", "s")], 1);
    mailbox.put_back(taken.into_iter());
    assert_eq!(ids(&mailbox, 0), ["1", "2", "3", "4"]);
}

#[test]
fn unwanted_events_are_discarded() {
    let mailbox = mailbox(4, Overflow::DropOldest, 1);
    mailbox.push([event("1", "keep")], 1);
    mailbox.push([event("2", "drop")], 1);
    assert_eq!(mailbox.retain(|event| event.subject() == Some("keep")), 1);
    assert_eq!(mailbox.queued(), 1);
    assert_eq!(ids(&mailbox, 0), ["1"]);
}
