//! Publishers, consumers and changes of partitions at the same time, with a ledger of what
//! came and where it went.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::*;

const PUBLISHERS: u32 = 3;
const EVENTS: u64 = 6_000;
const SUBJECTS: u64 = 11;

/// What was taken, in the order in which it was: publisher and number.
type Taken = Mutex<Vec<(u32, u64)>>;

/// Numbers of partitions that there were one after the other, and what was taken meanwhile.
type Times = Vec<(usize, Vec<(u32, u64)>)>;

fn publish(mailbox: &Mailbox, publisher: u32, dropped: &AtomicU64) {
    for number in 0..EVENTS {
        let mut draft = Draft::new(EventType::custom("t").unwrap());
        draft.subject = Some(format!("s{}", number % SUBJECTS).into());
        // Some are too large for a frame.
        let bytes = if number.is_multiple_of(50) {
            MAX_FRAMED_BYTES
        } else {
            8
        };
        let mut data = vec![0; bytes];
        data[..8].copy_from_slice(&number.to_be_bytes());
        draft.data = Some(data.into());
        let event = stamped(&draft, "id", "a");
        dropped.fetch_add(push(mailbox, &event, publisher), Ordering::Relaxed);
    }
}

/// Takes from a partition until it is told to stop, and puts back what it has not handled.
fn consume(mailbox: &Mailbox, partition: usize, stop: &AtomicBool, taken: &Taken) {
    let mut frame = Frame::default();
    let limits = MailboxLimits {
        events: 64,
        bytes: 64 << 10,
    };
    for round in 0.. {
        mailbox
            .try_recv_frame(partition, limits, &mut frame)
            .expect("it is open");
        // As a worker that is asked to stop amid a frame.
        let stops = stop.load(Ordering::Relaxed);
        let handled = if stops { frame.len() / 2 } else { frame.len() };
        let number = |at| {
            let (event, publisher, _) = frame.marked(at);
            let data = event.data().expect("it has a number");
            (
                publisher,
                u64::from_be_bytes(data[..8].try_into().expect("8 bytes")),
            )
        };
        taken.lock().unwrap().extend((0..handled).map(number));
        mailbox.put_back(&frame, handled);
        if stops {
            return;
        }
        if frame.is_empty() || round % 3 == 0 {
            thread::yield_now();
        }
    }
}

/// Lets consumers work for a while, with partitions that change; returns what was taken by the
/// partitions of each time, and how many were dropped.
fn run(limits: MailboxLimits) -> (Times, u64) {
    let mailbox = with_limits(limits, Overflow::DropOldest, 1);
    let dropped = AtomicU64::new(0);
    let mut times = Times::new();
    let finished = AtomicU64::new(0);
    thread::scope(|scope| {
        for publisher in 0..PUBLISHERS {
            let (mailbox, dropped, finished) = (&mailbox, &dropped, &finished);
            scope.spawn(move || {
                publish(mailbox, publisher, dropped);
                finished.fetch_add(1, Ordering::SeqCst);
            });
        }
        for partitions in [1, 4, 4, 2, 1, 8, 3, 1].into_iter().cycle() {
            let over = finished.load(Ordering::SeqCst) == u64::from(PUBLISHERS);
            let more = mailbox.reconfigure(limits, Overflow::DropOldest, partitions);
            dropped.fetch_add(more, Ordering::Relaxed);
            let (stop, taken) = (AtomicBool::new(false), Taken::default());
            thread::scope(|scope| {
                for partition in 0..partitions {
                    let (mailbox, stop, taken) = (&mailbox, &stop, &taken);
                    scope.spawn(move || consume(mailbox, partition, stop, taken));
                }
                let until = mailbox.received() + 700;
                let until = until.min(u64::from(PUBLISHERS) * EVENTS);
                let working = || match over {
                    true => mailbox.queued() > 0,
                    false => mailbox.received() < until,
                };
                while working() {
                    thread::yield_now();
                }
                stop.store(true, Ordering::Relaxed);
            });
            times.push((partitions, taken.into_inner().unwrap()));
            if over && mailbox.queued() == 0 {
                break;
            }
        }
    });
    (times, dropped.into_inner())
}

/// Checks the order, and that nothing came twice; returns how many came.
fn in_order(times: &[(usize, Vec<(u32, u64)>)]) -> u64 {
    let mut last: HashMap<(u32, u64), u64> = HashMap::new();
    let mut last_of_all: HashMap<u32, u64> = HashMap::new();
    let mut count = 0;
    for (partitions, taken) in times {
        last_of_all.clear();
        for (publisher, number) in taken {
            count += 1;
            let before = last.insert((*publisher, number % SUBJECTS), *number);
            assert!(before < Some(*number), "{number} after {before:?}");
            if *partitions == 1 {
                let before = last_of_all.insert(*publisher, *number);
                assert!(
                    before < Some(*number),
                    "{number} after {before:?} in one partition"
                );
            }
        }
    }
    count
}

#[test]
fn nothing_is_lost_doubled_or_out_of_order_while_partitions_change() {
    let limits = MailboxLimits {
        events: usize::MAX / 2,
        bytes: usize::MAX / 2,
    };
    let (times, dropped) = run(limits);
    assert_eq!(dropped, 0);
    assert_eq!(in_order(&times), u64::from(PUBLISHERS) * EVENTS);
}

#[test]
fn what_is_dropped_meanwhile_is_counted() {
    for (events, bytes) in [(100, usize::MAX / 2), (100_000, 64 << 10)] {
        let (times, dropped) = run(MailboxLimits { events, bytes });
        assert_eq!(in_order(&times) + dropped, u64::from(PUBLISHERS) * EVENTS);
    }
}
