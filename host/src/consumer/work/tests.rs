use std::time::Duration;

use super::*;
use crate::event::{Draft, EventType, Stamp};

const OF: (Epoch, Round) = (Epoch::new(1), Round::First);

fn event(subject: &str) -> Event {
    let draft = Draft {
        subject: Some(subject.to_owned().into()),
        ..Draft::new(EventType::custom("a").expect("valid"))
    };
    draft.stamp(&Stamp {
        id: ["1", ""],
        source: "/s",
        time: 0,
        origin: "a",
        sequence: Some(1),
    })
}

/// Work of one worker with events of these subjects, numbered from 1.
fn work(subjects: &[&str]) -> Work {
    let mut work = Work::new(1);
    for (number, subject) in (1..).zip(subjects) {
        work.admit(Source::Channel, number, OF, event(subject), 0);
    }
    work
}

/// Gives out all that may be; returns the numbers.
fn taken(work: &mut Work) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some((_, entry)) = work.next(0) {
        numbers.push(entry.place);
        work.give(0);
    }
    numbers
}

fn ticket(work: &Work, number: u64) -> Ticket {
    let mut entries = work.entries();
    let found = entries.find(|(_, entry)| entry.place == number);
    found.expect("it is there").0
}

#[test]
fn of_a_subject_one_event_at_a_time_is_given_out() {
    let mut work = work(&["a", "b", "a", "a", "c"]);
    assert_eq!(taken(&mut work), [1, 2, 5]);
    let first = ticket(&work, 1);
    assert!(work.finish(first).is_some());
    assert!(work.finish(first).is_none(), "only once");
    assert_eq!(taken(&mut work), [3]);
    assert_eq!((work.in_hand(), work.idle()), (3, Idle::All));
}

#[test]
fn one_that_failed_holds_back_its_subject_until_its_time() {
    let mut work = work(&["a", "a", "b"]);
    assert_eq!(taken(&mut work), [1, 3]);
    let due = Instant::now() + Duration::from_secs(1);
    let first = ticket(&work, 1);
    work.delay(first, due);
    assert_eq!(work.next_due(), Some(due));
    assert!(taken(&mut work).is_empty());
    work.offer_due(due);
    assert_eq!(taken(&mut work), [1]);
    work.let_die(first);
    let none = taken(&mut work).is_empty();
    assert!(none, "also while it becomes a dead letter");
    assert!(work.dying().eq([first]));
    work.finish(first);
    assert_eq!(taken(&mut work), [2]);
    assert_eq!(work.dying().count(), 0);
}

#[test]
fn what_is_put_back_comes_first() {
    let mut work = work(&["a", "b", "a"]);
    assert_eq!(taken(&mut work), [1, 2]);
    let first = ticket(&work, 1);
    work.put_back(first);
    work.admit(Source::Letters, 9, OF, event("c"), 0);
    assert_eq!(taken(&mut work), [1, 9]);
    work.put_back(first);
    work.put_back(first);
    assert_eq!((work.in_hand(), taken(&mut work)), (2, vec![1]));
}

#[test]
fn other_workers_take_what_waits() {
    let subjects: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
    let mut work = work(&subjects);
    let first = taken(&mut work)[0];
    for number in 2..=20 {
        let ticket = ticket(&work, number);
        work.put_back(ticket);
    }
    work.divide(3);
    let mut numbers = vec![first];
    for partition in 0..3 {
        while let Some((_, entry)) = work.next(partition) {
            let expected = partition_of_subject(subject_hash(entry.event.packed()), 3);
            assert_eq!(expected, partition);
            numbers.push(entry.place);
            work.give(partition);
        }
    }
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(1..=20), "each once");
}

#[test]
fn what_is_forgotten_in_hand_still_holds_back_its_subject() {
    let mut work = work(&["a", "a", "b", "c"]);
    assert_eq!(taken(&mut work), [1, 3, 4]);
    let third = ticket(&work, 3);
    work.put_back(third);
    let gone = work.forget(|_| true);
    assert!(gone.iter().map(|entry| entry.place).eq([2, 3]));
    work.admit(Source::Channel, 2, OF, event("a"), 0);
    assert!(taken(&mut work).is_empty());
    let first = ticket(&work, 1);
    assert!(work.finish(first).is_some_and(|entry| entry.void));
    assert_eq!(taken(&mut work), [2]);
    let fourth = ticket(&work, 4);
    work.finish(fourth);
    let second = ticket(&work, 2);
    work.finish(second);
    assert_eq!((work.bytes(), work.in_hand()), (0, 0));
}
