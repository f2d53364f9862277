//! A disk that is full, and has room again.

mod common;

use common::{append, create, done, name, open};
use hearken_channel_log::conformance::event;
use hearken_channel_log::disk::{DiskEngine, Steps};
use hearken_channel_log::{
    AppendError, Appended, Batch, ChannelName, Engine as _, Expected, FullBecause,
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
