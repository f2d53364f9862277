//! Every byte of a small journal and of a small segment, changed and cut off there: what is
//! there is what was written, and what is not there is told.

mod common;

use std::path::{Path, PathBuf};

use common::{append, create, done, name, open};
use hearken_channel_log::disk::{DiskEngine, Steps};
use hearken_channel_log::{
    AppendError, Batch, ChannelName, ChannelState, Engine as _, Expected, ReadError, ReadLimit,
    Span,
};
use hearken_channel_model::disk::Disk;
use hearken_wire::EventRef;

const EVENTS: u64 = 6;

/// A disk with three groups in a file of the journal, and an empty one behind them, as it
/// is when the process was killed; the file, and where the groups end.
fn with_journal() -> (Disk, PathBuf, Vec<u64>) {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    let mut ends = Vec::new();
    let mut journal = PathBuf::new();
    for from in [1, 3, 5, 7] {
        if from < EVENTS {
            append(&engine, &mut steps, &orders, from);
        } else {
            steps.prove();
        }
        let files = disk.files();
        let file = files
            .iter()
            .find(|(path, _)| path.starts_with("/channels/journal"));
        let (path, end) = file.expect("the journal has a file");
        journal.clone_from(path);
        ends.push(*end);
    }
    disk.kill();
    (disk, journal, ends)
}

/// A disk with a segment of three batches, which is synced, and how long its head is.
fn with_segment() -> (Disk, PathBuf, u64, u64) {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    let segment = PathBuf::from("/channels/1/00000000000000000001.log");
    let length = |disk: &Disk| {
        let files = disk.files();
        let file = files.iter().find(|(path, _)| *path == segment);
        file.map_or(0, |(_, bytes)| *bytes)
    };
    let head = length(&disk);
    for from in [1, 3, 5] {
        append(&engine, &mut steps, &orders, from);
    }
    // Without a journal, which has all of it too.
    steps.seal();
    steps.checkpoint();
    let bytes = length(&disk);
    assert!(head > 0 && bytes > head);
    disk.kill();
    (disk, segment, head, bytes)
}

/// Reads all; returns which numbers are whole, and which are told to be damaged.
fn read(engine: &DiskEngine, channel: &ChannelName, what: &str) -> (Vec<u64>, Vec<Span>) {
    let (mut whole, mut damaged) = (Vec::new(), Vec::new());
    let mut after = 0;
    loop {
        let mut steps = Nothing;
        match steps.done(engine.read(channel, after, ReadLimit::default())) {
            Ok(page) => {
                assert_eq!(page.gap, None, "{what}");
                for event in &page.events {
                    let event = EventRef::take(event).expect("whole").0;
                    let number = event.sequence().expect("a stored event has a number");
                    assert_eq!(event.id(), number.to_string(), "{what}");
                    assert_eq!(event.data(), Some(&b"some data"[..]), "{what}");
                    whole.push(number);
                }
                if page.events.is_empty() {
                    return (whole, damaged);
                }
                after = page.next;
            }
            Err(ReadError::Damaged(span)) => {
                damaged.push(span);
                after = span.last;
            }
            Err(error) => panic!("{what}: {error}"),
        }
    }
}

/// Reads need no steps.
struct Nothing;

impl Nothing {
    fn done<T>(&mut self, future: impl Future<Output = T>) -> T {
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        match Box::pin(future).as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => value,
            std::task::Poll::Pending => panic!("a read waits"),
        }
    }
}

/// Checks that each number is whole or told, that it is so again after another start, and
/// that the channel can be used again once what is damaged is given up.
fn check(disk: &Disk, what: &str) -> (Vec<u64>, Vec<Span>) {
    let orders = name("orders");
    let (engine, steps) = open(disk);
    let found = read(&engine, &orders, what);
    let (whole, damaged) = &found;
    for number in 1..=EVENTS {
        let told = damaged.iter().any(|span| span.contains(number));
        assert!(
            whole.contains(&number) != told,
            "{what}: {number}: {found:?}"
        );
    }
    drop(steps);
    drop(engine);
    disk.kill();
    let (engine, mut steps) = open(disk);
    assert_eq!(read(&engine, &orders, what), found, "{what}, again");
    give_up(&engine, &mut steps, &orders, damaged, what);
    found
}

fn give_up(
    engine: &DiskEngine,
    steps: &mut Steps,
    orders: &ChannelName,
    damaged: &[Span],
    what: &str,
) {
    let found = done(steps, engine.verify(orders)).expect("it can be read");
    let told: Vec<u64> = damaged
        .iter()
        .flat_map(|span| span.first..=span.last)
        .collect();
    let again: Vec<u64> = found
        .iter()
        .flat_map(|span| span.first..=span.last)
        .collect();
    assert_eq!(again, told, "{what}");
    let info = engine.info(orders).expect("it is there");
    let is_damaged = matches!(info.state, ChannelState::Damaged { .. });
    assert_eq!(is_damaged, !damaged.is_empty(), "{what}");
    let end_is_damaged = damaged.iter().any(|span| span.contains(info.last));
    let batch = || Batch::of(&hearken_channel_log::conformance::event("7", b"new"), None);
    let batch = || batch().expect("there is room");
    let appended = done(steps, engine.append(orders, batch(), Expected::Any));
    if end_is_damaged {
        assert_eq!(appended, Err(AppendError::Damaged), "{what}");
    } else {
        assert_eq!(
            appended.map(|appended| appended.last),
            Ok(info.last + 1),
            "{what}"
        );
    }
    let given_up = done(steps, engine.repair(orders)).expect("the disk works");
    assert_eq!(given_up, found, "{what}");
    let last = engine.info(orders).expect("it is there").last;
    let appended = done(steps, engine.append(orders, batch(), Expected::Any));
    assert_eq!(
        appended.map(|appended| appended.last),
        Ok(last + 1),
        "{what}"
    );
    let info = engine.info(orders).expect("it is there");
    assert_eq!(info.state, ChannelState::Ok, "{what}");
}

fn changed(disk: &Disk, path: &Path, at: u64) -> Disk {
    let disk = disk.copy();
    disk.flip_at(path, at);
    disk
}

fn cut(disk: &Disk, path: &Path, bytes: u64) -> Disk {
    let disk = disk.copy();
    disk.cut(path, bytes);
    disk
}

#[test]
fn a_changed_byte_of_the_journal_costs_one_group_at_most() {
    let (disk, journal, ends) = with_journal();
    let end = *ends.last().expect("there are groups");
    let mut costly = 0;
    for at in 0..end {
        let what = format!("byte {at}");
        let (whole, damaged) = check(&changed(&disk, &journal, at), &what);
        // The group that the byte is in, if it has events.
        let group = ends.partition_point(|end| *end <= at) as u64;
        let may = [2 * group + 1, 2 * group + 2];
        for number in (1..=EVENTS).filter(|number| !whole.contains(number)) {
            assert!(may.contains(&number), "{what}: {damaged:?}");
        }
        costly += u64::from(!damaged.is_empty());
    }
    assert!(costly > end / 2, "{costly} of {end}");
}

#[test]
fn a_journal_that_was_cut_is_told() {
    let (disk, journal, ends) = with_journal();
    let end = *ends.last().expect("there are groups");
    // Where its head is cut it has no group either.
    for bytes in 40..end {
        let what = format!("cut at {bytes}");
        let (whole, damaged) = check(&cut(&disk, &journal, bytes), &what);
        let groups = ends.partition_point(|end| *end <= bytes).min(3) as u64;
        assert_eq!(whole, (1..=2 * groups).collect::<Vec<_>>(), "{what}");
        assert!(!damaged.is_empty(), "{what}");
    }
}

#[test]
fn a_changed_byte_of_a_segment_costs_one_batch_at_most() {
    let (disk, segment, head, bytes) = with_segment();
    for at in 0..bytes {
        let what = format!("byte {at}");
        let (whole, damaged) = check(&changed(&disk, &segment, at), &what);
        if at < head {
            assert_eq!(whole.len() as u64, EVENTS, "{what}");
        } else {
            let told: Vec<u64> = damaged
                .iter()
                .flat_map(|span| span.first..=span.last)
                .collect();
            assert_eq!(told.len(), 2, "{what}: {damaged:?}");
        }
    }
}

#[test]
fn a_segment_that_was_cut_is_told() {
    let (disk, segment, head, bytes) = with_segment();
    let batch = (bytes - head) / 3;
    for bytes in 0..bytes {
        let what = format!("cut at {bytes}");
        let (whole, _) = check(&cut(&disk, &segment, bytes), &what);
        let batches = bytes.saturating_sub(head) / batch;
        assert_eq!(whole, (1..=2 * batches).collect::<Vec<_>>(), "{what}");
    }
}
