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
