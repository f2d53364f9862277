use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::reading::is_segment;
use super::stepped::{Stepped, channel};
use super::strained::{Asked, Strained};
use crate::{AppendError, ChannelState, CreateError, Engine as _, FullBecause, LogSettings, Span};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Starts it again; returns how often segments are read for that.
fn reads_of_a_start(log: Stepped) -> (Stepped, usize) {
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    log.disk.before(move |asked, path| {
        if asked == Asked::Read && is_segment(path) {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    });
    let log = log.again();
    log.disk.work();
    (log, reads.load(Ordering::SeqCst))
}

#[test]
fn a_start_reads_one_place_of_each_channel_however_long_its_batches_are() {
    let mut log = Stepped::open(Strained::new(8));
    for name in NAMES {
        log.create(name, LogSettings::default());
        log.append(name, b"data").unwrap();
        log.append(name, &[0; 600 << 10]).unwrap();
    }
    // What is in the journal alone is written to segments by the start itself.
    let (log, reads) = reads_of_a_start(log);
    assert_eq!(reads, 0);
    let (mut log, reads) = reads_of_a_start(log);
    assert_eq!(reads, NAMES.len());
    for name in NAMES {
        log.append(name, &[1; 700 << 10]).unwrap();
    }
    log.steps.file();
    log.steps.checkpoint();
    let (log, reads) = reads_of_a_start(log);
    assert_eq!(reads, NAMES.len());
    let (mut log, reads) = reads_of_a_start(log);
    assert_eq!(reads, NAMES.len());
    for name in NAMES {
        let info = log.engine.info(&channel(name)).unwrap();
        assert_eq!((info.first, info.last), (1, 3));
        // As many as a page has room for.
        assert_eq!(log.numbers(name), [1, 2]);
    }
}

#[test]
fn a_start_needs_no_room_to_forget_a_channel_that_was_removed() {
    let mut log = Stepped::open(Strained::new(8));
    let removed = log.create("removed", LogSettings::default());
    log.create("a", LogSettings::default());
    log.append("a", b"data").unwrap();
    // The start is left to remove its files.
    let name = channel("removed");
    log.done(|engine| engine.remove(&name)).unwrap();
    let folder = log.folder().join(removed.id.to_string());
    assert!(folder.exists());
    drop(removed);
    let files = folder.clone();
    log.disk.before(move |asked, path| {
        if asked == Asked::Write && path.ends_with("channels.redb") && !files.exists() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    });
    let mut log = log.again();
    assert!(!folder.exists());
    assert!(log.engine.info(&name).is_none());
    assert_eq!(log.numbers("a"), [1]);
    log.disk.work();
    let mut log = log.again();
    log.create("removed", LogSettings::default());
    assert_eq!(log.append("a", b"data").unwrap().last, 2);
}

/// Starts it again on a disk that has no room for what the catalogue has to know of that.
fn again_unnoted(log: Stepped) -> Stepped {
    let replayed = AtomicBool::new(false);
    log.disk.before(move |asked, path| {
        let in_journal = path
            .parent()
            .is_some_and(|folder| folder.ends_with("journal"));
        if asked == Asked::Read && in_journal {
            replayed.store(true, Ordering::SeqCst);
        }
        let notes = asked == Asked::Write && path.ends_with("channels.redb");
        if notes && replayed.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    });
    let log = log.again();
    log.disk.work();
    assert!(log.steps.core.filing.is_unnoted());
    log
}

/// How many bytes of a file there are before only zeros follow.
fn written(file: &Path) -> u64 {
    let bytes = fs::read(file).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0);
    last.unwrap() as u64 + 1
}

#[test]
fn what_a_start_on_a_full_disk_found_to_be_lost_is_neither_hidden_nor_spread() {
    let mut log = Stepped::open(Strained::new(8));
    let (orders, carts, made) = (channel("orders"), channel("carts"), channel("made"));
    for name in ["orders", "carts"] {
        log.create(name, LogSettings::default());
        log.append(name, b"data").unwrap();
    }
    let journal = log.folder().join("journal/00000000000000000001.log");
    let whole = written(&journal);
    log.append("carts", b"data").unwrap();
    // What was appended last is gone, and nothing behind it says so.
    let file = OpenOptions::new().write(true).open(&journal).unwrap();
    file.set_len(whole).unwrap();

    let mut log = again_unnoted(log);
    let last = log.engine.info(&carts).unwrap().last;
    assert!(last > 2);
    let lost = ChannelState::Damaged {
        ranges: vec![Span { first: 2, last }],
    };
    assert_eq!(log.engine.info(&carts).unwrap().state, lost);
    // There is room again, and the catalogue does not know yet what was found.
    log.done(|engine| engine.repair(&orders)).unwrap();
    let full = Err(AppendError::Full(FullBecause::Disk));
    assert_eq!(log.append("orders", b"data"), full);
    let settings = LogSettings::default();
    let refused = log.done(|engine| engine.create(&made, &settings));
    assert!(
        matches!(refused, Err(CreateError::Storage(_))),
        "{refused:?}"
    );

    let mut log = again_unnoted(log);
    assert_eq!(log.engine.info(&carts).unwrap().state, lost);
    log.steps.tidy();
    log.steps.file();
    log.create("made", settings);
    for name in ["made", "orders"] {
        log.append(name, b"data").unwrap();
    }
    let mut log = log.again();
    assert_eq!(log.numbers("made"), [1]);
    assert_eq!(log.engine.info(&made).unwrap().state, ChannelState::Ok);
    assert_eq!(log.engine.info(&carts).unwrap().state, lost);
    let orders = log.engine.info(&orders).unwrap();
    assert_eq!((orders.state, orders.last), (ChannelState::Ok, last + 1));
}
