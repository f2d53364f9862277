use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::reading::is_segment;
use super::stepped::{Stepped, channel};
use super::strained::{Asked, Strained};
use crate::{Engine as _, LogSettings};

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
