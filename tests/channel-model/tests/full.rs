//! A disk that is full, and has room again.

mod common;

use std::future::Future;
use std::path::Path;
use std::task::{Context, Poll, Waker};

use common::{append, create, done, name, numbers, open};
use hearken_channel_log::conformance::{event, key};
use hearken_channel_log::disk::device::{Device as _, Open};
use hearken_channel_log::disk::{DiskEngine, Steps};
use hearken_channel_log::{
    AppendError, Appended, Batch, ChannelName, ChannelState, Engine as _, Expected, FullBecause,
    LogSettings, MIN_LOG_BYTES,
};
use hearken_channel_model::disk::Disk;

const DISK: u64 = 64 << 20;

/// What something else takes of it for a time.
const BALLAST: u64 = 16 << 20;

/// More appends than there is room for.
const TOO_MANY: usize = 400;

fn append_long(
    engine: &DiskEngine,
    steps: &mut Steps,
    name: &ChannelName,
) -> Result<Appended, AppendError> {
    let batch = Batch::of(&event("1", &vec![b'x'; 256 << 10]), None).expect("one event fits");
    let appended = done(steps, engine.append(name, batch, Expected::Any));
    // What the threads do all the time.
    steps.file();
    steps.checkpoint();
    appended
}

#[test]
fn a_small_disk_that_was_full_is_used_again() {
    let disk = Disk::new(1);
    disk.set_room(DISK - BALLAST);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    append(&engine, &mut steps, &orders, 1);
    let mut last = 2;
    let full = loop {
        match append_long(&engine, &mut steps, &orders) {
            Ok(appended) => last = appended.last,
            Err(error) => break error,
        }
        assert!(last < TOO_MANY as u64);
    };
    assert_eq!(full, AppendError::Full(FullBecause::Disk));
    // Most of it is used: events lie in segments, and a part of them in the journal too.
    assert!(last * (256 << 10) > (DISK - BALLAST) / 2, "{last}");
    disk.set_room(DISK);
    steps.tidy();
    let appended = append_long(&engine, &mut steps, &orders);
    assert_eq!(appended.expect("there is room again").last, last + 1);
    disk.crash();
    drop((engine, steps));
    let (engine, _steps) = open(&disk);
    let info = engine.info(&orders).expect("it is there");
    assert_eq!((info.first, info.last), (1, last + 1));
}

fn append_keyed(
    engine: &DiskEngine,
    steps: &mut Steps,
    name: &ChannelName,
) -> Result<Appended, AppendError> {
    let batch = Batch::of(&event("7", b"a key"), Some(key(7))).expect("one event fits");
    done(steps, engine.append(name, batch, Expected::Any))
}

/// A log with two events in a segment and three in the journal alone, on a disk without
/// room for more.
fn fill_amid() -> (Disk, ChannelName) {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    append(&engine, &mut steps, &orders, 1);
    steps.file();
    steps.checkpoint();
    steps.seal();
    append_keyed(&engine, &mut steps, &orders).expect("there is room");
    append(&engine, &mut steps, &orders, 4);
    disk.fill();
    disk.crash();
    drop((engine, steps));
    (disk, orders)
}

#[test]
fn a_start_on_a_full_disk_opens_and_goes_on_when_there_is_room() {
    let (disk, orders) = fill_amid();
    // Also again and again.
    for _ in 0..3 {
        let (engine, mut steps) = open(&disk);
        assert_eq!(numbers(&engine, &mut steps, &orders), [1, 2, 3, 4, 5]);
        let full = append_long(&engine, &mut steps, &orders);
        assert_eq!(full, Err(AppendError::Full(FullBecause::Disk)));
        steps.checkpoint();
        steps.prove();
        disk.crash();
        drop((engine, steps));
    }
    let (engine, mut steps) = open(&disk);
    assert_eq!(numbers(&engine, &mut steps, &orders), [1, 2, 3, 4, 5]);
    disk.set_room(u64::MAX);
    steps.tidy();
    assert!(steps.file());
    // What was sent again is known, though the journal alone had it.
    let again = append_keyed(&engine, &mut steps, &orders).expect("there is room again");
    assert_eq!(again.events[0].sequence, 3);
    append(&engine, &mut steps, &orders, 6);
    steps.seal();
    steps.checkpoint();
    let journal = disk.list(Path::new("/channels/journal"));
    assert_eq!(journal.expect("it is there").len(), 0);
    disk.crash();
    drop((engine, steps));
    let (engine, mut steps) = open(&disk);
    assert_eq!(numbers(&engine, &mut steps, &orders), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn what_is_sent_again_after_a_start_on_a_full_disk_is_known_before_it_is_filed() {
    let (disk, orders) = fill_amid();
    let (engine, mut steps) = open(&disk);
    let again = append_keyed(&engine, &mut steps, &orders);
    let again = again.expect("what is there needs no room");
    assert_eq!((again.last, again.events[0].sequence), (5, 3));
    let full = append_long(&engine, &mut steps, &orders);
    assert_eq!(full, Err(AppendError::Full(FullBecause::Disk)));
}

#[test]
fn what_is_not_kept_goes_after_a_start_on_a_full_disk() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    let settings = LogSettings {
        max_bytes: MIN_LOG_BYTES,
        ..LogSettings::default()
    };
    let created = done(&mut steps, engine.create(&orders, &settings));
    created.expect("there is room");
    for _ in 0..MIN_LOG_BYTES / (32 << 10) {
        let batch = Batch::of(&event("1", &[b'x'; 30 << 10]), None).expect("one event fits");
        let appended = done(&mut steps, engine.append(&orders, batch, Expected::Any));
        appended.expect("there is room");
        steps.file();
    }
    steps.checkpoint();
    let last = engine.info(&orders).expect("it is there").last;
    append(&engine, &mut steps, &orders, last + 1);
    disk.fill();
    disk.crash();
    drop((engine, steps));
    let (engine, mut steps) = open(&disk);
    let before = engine.info(&orders).expect("it is there");
    let trimmed = done(&mut steps, engine.trim(&orders, last));
    assert_eq!(trimmed.expect("it can be trimmed").first, last);
    steps.tidy();
    let after = engine.info(&orders).expect("it is there");
    assert!(after.bytes < before.bytes, "{before:?} {after:?}");
    // That is room enough for what the journal alone had.
    steps.tidy();
    steps.file();
    steps.checkpoint();
    let journal = disk.list(Path::new("/channels/journal"));
    assert_eq!(journal.expect("it is there").len(), 0);
    disk.set_room(u64::MAX);
    append(&engine, &mut steps, &orders, last + 3);
    let left = numbers(&engine, &mut steps, &orders);
    assert_eq!(left, (last..=last + 4).collect::<Vec<_>>());
}

#[test]
fn files_that_may_not_be_long_are_more() {
    const LONGEST: u64 = 3 << 20;
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    disk.set_longest(LONGEST);
    for last in 1..=40 {
        let appended = append_long(&engine, &mut steps, &orders);
        assert_eq!(appended.expect("other files take it").last, last);
    }
    // What lies in the journal alone is written to segments at the start.
    let batch = Batch::of(&event("1", &[b'x'; 256 << 10]), None).expect("one event fits");
    for last in 41..=60 {
        let appended = engine.append(&orders, batch.clone(), Expected::Any);
        let appended = done_without_filing(&mut steps, appended);
        assert_eq!(appended.expect("other files take it").last, last);
    }
    disk.kill();
    drop((engine, steps));
    let (engine, mut steps) = open(&disk);
    append(&engine, &mut steps, &orders, 61);
    let verified = done(&mut steps, engine.verify(&orders));
    assert_eq!(verified.expect("it can be read"), []);
    let info = engine.info(&orders).expect("it is there");
    assert_eq!((info.first, info.last), (1, 62));
    assert_eq!(info.state, ChannelState::Ok);
    for (path, _) in disk.files() {
        let file = disk.open(&path, Open::Read).expect("it is there");
        assert!(file.len().expect("it is there") <= LONGEST, "{path:?}");
    }
    // What is longer than any file may be is too much, for this time.
    disk.set_longest(100 << 10);
    let appended = append_long(&engine, &mut steps, &orders);
    assert_eq!(appended.expect("the journal has room").last, 63);
    let full = append_long(&engine, &mut steps, &orders).map(|appended| appended.last);
    assert_eq!(full, Err(AppendError::Full(FullBecause::Disk)));
    disk.set_longest(u64::MAX);
    steps.tidy();
    let appended = append_long(&engine, &mut steps, &orders);
    assert_eq!(appended.expect("it may be long again").last, 64);
}

/// What becomes of a future when nothing but the journal is written.
fn done_without_filing<T>(steps: &mut Steps, future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    for _ in 0..2 {
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        steps.commit();
    }
    panic!("the engine does not answer");
}
