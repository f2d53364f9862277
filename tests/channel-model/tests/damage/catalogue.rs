//! The database beside the logs.

use std::future::Future as _;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use hearken_channel_log::disk::device::{Device as _, Open};
use hearken_channel_log::disk::{DiskEngine, Steps};
use hearken_channel_log::{AppendError, ChannelState, Engine as _, LogSettings, MIN_LOG_BYTES};
use hearken_channel_model::disk::Disk;

use super::common::{create, done, name, open, try_open};
use super::{
    CATALOGUE, append, files, last, last_file, numbers, read, span, state, try_append,
    without_catalogue,
};

/// A changed bit of a file that was closed well.
#[test]
fn a_changed_bit_of_the_catalogue_is_never_believed() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    for from in [1, 3, 5] {
        append(&engine, &mut steps, &orders, from, 10);
    }
    let value = Bytes::from_static(b"a value");
    let put = engine.put_cell(&orders, "cell", value.clone(), None, true);
    done(&mut steps, put).expect("there is room");
    done(&mut steps, engine.trim(&orders, 3)).expect("the disk works");
    steps.seal();
    steps.checkpoint();
    done(&mut steps, engine.close());
    disk.kill();
    drop((engine, steps));

    let written = last_file(&disk, CATALOGUE).1;
    let (mut refused, mut opened) = (0, 0);
    for at in (0..written).step_by(61) {
        let disk = disk.copy();
        disk.flip_at(Path::new(CATALOGUE), at);
        let Ok((engine, mut steps)) = try_open(&disk, &Arc::default()) else {
            refused += 1;
            continue;
        };
        opened += 1;
        let info = engine.info(&orders).expect("it is there");
        assert_eq!((info.first, info.last), (3, 6), "byte {at}");
        let cell = done(&mut steps, engine.cell(&orders, "cell"));
        let cell = cell.expect("it can be read").expect("it is there");
        assert_eq!(cell.value, value, "byte {at}");
        assert_eq!(read(&engine, &mut steps, &orders).whole, numbers(3..=6));
    }
    assert!(refused > 3 && opened > 3, "{refused} and {opened}");
}

#[test]
fn without_the_catalogue_nothing_is_lost_that_the_journal_has() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let (orders, empty) = (name("orders"), name("empty"));
    for channel in [&orders, &empty] {
        create(&engine, &mut steps, channel);
    }
    append(&engine, &mut steps, &orders, 1, 10);
    // Nothing of it is in a segment.
    disk.kill();
    drop((engine, steps));
    without_catalogue(&disk);
    let (engine, mut steps) = open(&disk);
    assert_eq!(read(&engine, &mut steps, &orders).whole, [1, 2]);
    assert_eq!(last(&engine, &empty), 0);
    append(&engine, &mut steps, &orders, 3, 10);
}

/// A crash amid the making of a segment, which has left this much of its head.
#[test]
fn without_the_catalogue_a_segment_that_was_being_made_costs_nothing() {
    for head in [0, 30] {
        let disk = Disk::new(1);
        let (engine, mut steps) = open(&disk);
        let orders = name("orders");
        create(&engine, &mut steps, &orders);
        append(&engine, &mut steps, &orders, 1, 10);
        steps.file();
        append(&engine, &mut steps, &orders, 3, 10);
        disk.kill();
        drop((engine, steps));
        let next = Path::new("/channels/1/00000000000000000003.log");
        let file = disk.open(next, Open::New).expect("the disk works");
        file.allocate(head).expect("the disk works");
        drop(file);
        without_catalogue(&disk);
        for starts in 1..3 {
            let (engine, mut steps) = open(&disk);
            let found = read(&engine, &mut steps, &orders);
            assert_eq!(found.whole, numbers(1..=4), "{head} bytes, start {starts}");
            assert_eq!(state(&engine, &orders), ChannelState::Ok);
            disk.kill();
            drop((engine, steps));
            without_catalogue(&disk);
        }
    }
}

/// A channel with events in each of four files of the journal, and one with some in the
/// first of them; all of it is in segments too.
fn with_files(seed: u64) -> (Disk, DiskEngine, Steps) {
    let disk = Disk::new(seed);
    // So that the files are short.
    disk.set_room(16 << 20);
    let (engine, mut steps) = open(&disk);
    let (orders, quiet) = (name("orders"), name("quiet"));
    for channel in [&orders, &quiet] {
        create(&engine, &mut steps, channel);
    }
    append(&engine, &mut steps, &quiet, 1, 10);
    for from in [1, 3, 5, 7] {
        append(&engine, &mut steps, &orders, from, 10);
        steps.seal();
    }
    steps.file();
    disk.set_room(u64::MAX);
    (disk, engine, steps)
}

/// After a crash and without the catalogue.
fn assert_whole(disk: &Disk, what: &str) {
    disk.crash();
    // It may not be there yet.
    let _ = disk.remove_file(Path::new(CATALOGUE));
    let files = files(disk, "/channels/journal");
    let (engine, mut steps) = open(disk);
    for (channel, count) in [(name("orders"), 8), (name("quiet"), 2)] {
        assert_eq!(last(&engine, &channel), count, "{what}: {files:?}");
        let found = read(&engine, &mut steps, &channel);
        assert_eq!(found.whole, numbers(1..=count), "{what}: {files:?}");
        assert_eq!(state(&engine, &channel), ChannelState::Ok, "{what}");
    }
}

#[test]
fn without_the_catalogue_what_a_checkpoint_removed_is_not_missed() {
    for seed in 0..60 {
        let (disk, engine, mut steps) = with_files(seed);
        // Amid the checkpoint, or after it.
        disk.stop_after(10 + seed % 30);
        steps.checkpoint();
        drop((engine, steps));
        assert_whole(&disk, &format!("seed {seed}"));
    }
}

#[test]
fn without_the_catalogue_what_a_start_removed_is_not_missed() {
    for seed in 0..300 {
        let (disk, engine, steps) = with_files(seed);
        disk.kill();
        drop((engine, steps));
        without_catalogue(&disk);
        // Where it removes the journal's files, and about there.
        disk.stop_after(60 + seed % 40);
        drop(try_open(&disk, &Arc::default()));
        assert_whole(&disk, &format!("seed {seed}"));
    }
}

#[test]
fn without_the_catalogue_what_a_channel_dropped_is_not_missed() {
    for seed in 0..100 {
        let disk = Disk::new(seed);
        let (engine, mut steps) = open(&disk);
        let orders = name("orders");
        let settings = LogSettings {
            max_bytes: MIN_LOG_BYTES,
            ..LogSettings::default()
        };
        done(&mut steps, engine.create(&orders, &settings)).expect("there is room");
        for from in [1, 3, 5, 7] {
            append(&engine, &mut steps, &orders, from, 5000);
            steps.file();
        }
        steps.seal();
        steps.checkpoint();
        assert_eq!(files(&disk, "/channels/1").len(), 4);
        // Without what would drop them, so that all of it is done at once.
        let (mut trim, mut context) = (
            Box::pin(engine.trim(&orders, 7)),
            Context::from_waker(Waker::noop()),
        );
        assert!(trim.as_mut().poll(&mut context).is_pending());
        steps.keep();
        drop(trim);
        disk.stop_after(seed % 25);
        steps.tidy();
        disk.crash();
        drop((engine, steps));
        without_catalogue(&disk);
        let left = files(&disk, "/channels/1");
        let (engine, mut steps) = open(&disk);
        let found = read(&engine, &mut steps, &orders);
        let first = engine.info(&orders).expect("it is there").first;
        assert_eq!(found.whole, numbers(first..=8), "seed {seed}: {left:?}");
        assert_eq!(state(&engine, &orders), ChannelState::Ok, "seed {seed}");
    }
}

#[test]
fn without_the_catalogue_the_end_of_a_segment_is_not_taken_for_torn() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    for from in [1, 3, 5] {
        append(&engine, &mut steps, &orders, from, 10);
    }
    steps.file();
    disk.kill();
    let in_journal = disk.copy();
    steps.seal();
    drop((engine, steps));
    // The journal has what is not whole.
    let (segment, end) = last_file(&in_journal, "/channels/1");
    in_journal.flip_at(&segment, end - 3);
    without_catalogue(&in_journal);
    let (engine, mut steps) = open(&in_journal);
    assert_eq!(read(&engine, &mut steps, &orders).whole, numbers(1..=6));
    assert_eq!(state(&engine, &orders), ChannelState::Ok);
    append(&engine, &mut steps, &orders, 7, 10);
    // The journal has it no more.
    steps.seal();
    steps.checkpoint();
    in_journal.kill();
    drop((engine, steps));
    let (segment, end) = last_file(&in_journal, "/channels/1");
    in_journal.flip_at(&segment, end - 3);
    without_catalogue(&in_journal);
    let (engine, mut steps) = open(&in_journal);
    let found = read(&engine, &mut steps, &orders);
    assert_eq!(
        (found.whole, found.damaged),
        (numbers(1..=6), vec![span(7, 8)])
    );
    let refused = try_append(&engine, &mut steps, &orders, 9, 10);
    assert_eq!(refused, Err(AppendError::Damaged));
    let given_up = done(&mut steps, engine.repair(&orders));
    assert_eq!(given_up, Ok(vec![span(7, 8)]));
    append(&engine, &mut steps, &orders, 9, 10);
}

#[test]
fn without_the_catalogue_damage_does_not_hide_what_the_journal_has() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    let head = last_file(&disk, "/channels/1").1;
    for from in [1, 3] {
        append(&engine, &mut steps, &orders, from, 10);
    }
    steps.seal();
    steps.checkpoint();
    for from in [5, 7, 9] {
        append(&engine, &mut steps, &orders, from, 10);
    }
    steps.file();
    disk.kill();
    drop((engine, steps));
    // The first of the batches, and the last but one, of which a crash has left a part.
    let (segment, end) = last_file(&disk, "/channels/1");
    let batch = (end - head) / 5;
    disk.flip_at(&segment, head + batch - 3);
    disk.flip_at(&segment, end - batch - 3);
    without_catalogue(&disk);
    for starts in 1..3 {
        let (engine, mut steps) = open(&disk);
        let found = read(&engine, &mut steps, &orders);
        assert_eq!(
            (found.whole, found.damaged),
            (numbers(3..=10), vec![span(1, 2)]),
            "start {starts}"
        );
        disk.kill();
        drop((engine, steps));
    }
}

#[test]
fn without_the_catalogue_no_number_is_given_again_that_was_lost() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    append(&engine, &mut steps, &orders, 1, 10);
    append(&engine, &mut steps, &orders, 3, 10);
    let end = last_file(&disk, "/channels/journal").1;
    steps.prove();
    disk.kill();
    drop((engine, steps));
    let (journal, _) = last_file(&disk, "/channels/journal");
    disk.flip_at(&journal, end - 10);
    let (engine, mut steps) = open(&disk);
    let told = read(&engine, &mut steps, &orders);
    assert_eq!(
        (&told.whole, &told.damaged),
        (&vec![1, 2], &vec![span(3, 4)])
    );
    disk.kill();
    drop((engine, steps));
    without_catalogue(&disk);
    let (engine, mut steps) = open(&disk);
    assert_eq!(read(&engine, &mut steps, &orders), told);
    done(&mut steps, engine.repair(&orders)).expect("the disk works");
    append(&engine, &mut steps, &orders, 5, 10);
}

#[test]
fn without_the_catalogue_a_large_batch_that_is_damaged_is_told() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    let head = last_file(&disk, "/channels/1").1;
    append(&engine, &mut steps, &orders, 1, 700_000);
    append(&engine, &mut steps, &orders, 3, 10);
    steps.seal();
    steps.checkpoint();
    disk.kill();
    drop((engine, steps));
    let (segment, _) = last_file(&disk, "/channels/1");
    disk.flip_at(&segment, head + 20);
    without_catalogue(&disk);
    let (engine, mut steps) = open(&disk);
    let found = read(&engine, &mut steps, &orders);
    assert_eq!(
        (found.whole, found.damaged),
        (numbers(3..=4), vec![span(1, 2)])
    );
}

#[test]
fn a_number_that_was_trimmed_is_not_given_again() {
    let disk = Disk::new(1);
    let (engine, mut steps) = open(&disk);
    let orders = name("orders");
    create(&engine, &mut steps, &orders);
    append(&engine, &mut steps, &orders, 1, 10);
    append(&engine, &mut steps, &orders, 3, 10);
    done(&mut steps, engine.trim(&orders, 5)).expect("the disk works");
    disk.kill();
    drop((engine, steps));
    // The last group, which nothing proves.
    let (journal, end) = last_file(&disk, "/channels/journal");
    disk.flip_at(&journal, end - 10);
    let (engine, mut steps) = open(&disk);
    append(&engine, &mut steps, &orders, 5, 10);
    disk.kill();
    drop((engine, steps));
    let (engine, mut steps) = open(&disk);
    assert_eq!(read(&engine, &mut steps, &orders).whole, [5, 6]);
}
