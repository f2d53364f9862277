use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::settings;
use super::stepped::{Stepped, channel, one};
use super::strained::{Asked, Strained};
use crate::conformance::ManualEnvironment;
use crate::disk::DiskEngine;
use crate::disk::reader::{self, Verified};
use crate::{Bounds, Engine as _, Environment as _, Expected, LogSettings, ReadError, ReadLimit};

pub(super) fn is_segment(path: &Path) -> bool {
    let is_log = path.extension().is_some_and(|end| end == "log");
    is_log
        && path
            .parent()
            .is_some_and(|folder| !folder.ends_with("journal"))
}

/// A log with one channel whose events lie in segments alone.
fn filed(events: usize, data: &[u8]) -> Stepped {
    let mut log = Stepped::open(Strained::new(8));
    log.create("orders", LogSettings::default());
    for _ in 0..events {
        log.append("orders", data).unwrap();
    }
    log.again()
}

/// How often segments are read from then on.
fn count_reads(log: &Stepped) -> Arc<AtomicUsize> {
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    log.disk.before(move |asked, path| {
        if asked == Asked::Read && is_segment(path) {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    });
    reads
}

#[test]
fn only_what_lies_in_segments_alone_needs_the_disk() {
    let mut log = filed(2, b"data");
    let name = channel("orders");
    let is_in_memory =
        |log: &Stepped| [0, 1, 2, 3].map(|after| log.engine.is_in_memory(&name, after));
    assert_eq!(is_in_memory(&log), [false, false, true, true]);
    log.append("orders", b"data").unwrap();
    assert_eq!(is_in_memory(&log), [false, false, true, true]);
    let reads = count_reads(&log);
    let read = log.done(|engine| engine.read(&name, 2, ReadLimit::default()));
    assert_eq!(read.unwrap().events.len(), 1);
    assert_eq!(reads.load(Ordering::SeqCst), 0);
    assert!(log.engine.is_in_memory(&channel("none"), 0));
}

#[test]
fn a_time_is_not_behind_what_comes_while_it_is_looked_up() {
    let mut log = filed(2, b"data");
    let name = channel("orders");
    let orders = log.channel(&name);
    log.disk.before(move |asked, path| {
        if asked == Asked::Read && is_segment(path) {
            let mut state = orders.state();
            state.bounds.last = 3;
        }
        Ok(())
    });
    let late = log.environment.now_millis() + 1_000_000;
    let since = log.done(|engine| engine.since(&name, late));
    assert_eq!(since, Ok(2));
}

#[test]
fn a_channel_that_is_removed_amid_a_read_is_not_damaged() {
    let mut log = filed(2, b"data");
    let name = channel("orders");
    let orders = log.channel(&name);
    let removed = Arc::clone(&orders);
    log.disk.before(move |asked, path| {
        if asked == Asked::Open && is_segment(path) {
            removed.state().removed = true;
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(())
    });
    let read = log.done(|engine| engine.read(&name, 0, ReadLimit::default()));
    assert_eq!(read, Err(ReadError::NoChannel(name)));
    assert_eq!(orders.state().losses, []);
}

#[test]
fn a_read_does_not_run_after_what_is_dropped_for_ever() {
    let mut log = filed(100, b"data");
    let name = channel("orders");
    let orders = log.channel(&name);
    let dropping = Arc::clone(&orders);
    log.disk.before(move |asked, path| {
        if asked == Asked::Open && is_segment(path) {
            dropping.state().bounds.first += 1;
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(())
    });
    let read = log.done(|engine| engine.read(&name, 0, ReadLimit::default()));
    assert_eq!(read, Err(ReadError::Overloaded));
    assert_eq!(orders.state().losses, []);
    assert!(orders.state().bounds.first < 50);
}

#[test]
fn a_long_channel_is_verified_in_pieces() {
    let mut log = filed(6, &[0; 600 << 10]);
    let name = channel("orders");
    let orders = log.channel(&name);
    let (mut next, mut pieces) = (0, 0);
    loop {
        pieces += 1;
        match reader::verify_piece(&log.steps.core, &orders, (next, 6)).unwrap() {
            Verified::UpTo(end) => {
                assert!(end > next);
                next = end;
            }
            Verified::All(damaged) => {
                assert_eq!(damaged, []);
                break;
            }
        }
    }
    assert_eq!(next, 7);
    assert!(pieces > 3);
    assert_eq!(log.done(|engine| engine.verify(&name)), Ok(Vec::new()));
}

#[tokio::test]
async fn what_is_only_inspected_is_not_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let environment = Arc::<ManualEnvironment>::default();
    let name = channel("orders");
    let settings = || settings(folder.path().join("channels"));
    let device = || Arc::new(Strained::new(8));
    let engine = DiskEngine::open(environment.clone(), device(), settings()).unwrap();
    let log = LogSettings {
        max_age: Some(Duration::from_secs(60)),
        ..LogSettings::default()
    };
    engine.create(&name, &log).await.unwrap();
    let appended = engine.append(&name, one(b"1"), Expected::Any).await;
    appended.unwrap();
    engine.close().await;
    drop(engine);

    environment.advance(Duration::from_secs(3600));
    let engine = DiskEngine::open_to_inspect(environment.clone(), device(), settings()).unwrap();
    engine.enforce().await;
    assert_eq!(engine.verify(&name).await, Ok(Vec::new()));
    let bounds = *engine.tail(&name).unwrap().borrow();
    assert_eq!(bounds, Bounds { first: 1, last: 1 });
    engine.close().await;
    drop(engine);

    let engine = DiskEngine::open(environment, device(), settings()).unwrap();
    engine.enforce().await;
    let bounds = *engine.tail(&name).unwrap().borrow();
    assert_eq!(bounds, Bounds { first: 2, last: 1 });
    engine.close().await;
}

#[test]
fn nothing_is_held_for_those_who_followed_a_channel() {
    let mut log = Stepped::open(Strained::new(8));
    let orders = log.create("orders", LogSettings::default());
    let tail = log.engine.tail(&channel("orders")).unwrap();
    log.steps.tidy();
    assert!(orders.state().tail.is_some());
    drop(tail);
    log.steps.tidy();
    assert!(orders.state().tail.is_none());
}

#[test]
fn small_pages_are_not_read_again_and_again() {
    const EVENTS: u64 = 200;
    let mut log = Stepped::open(Strained::new(8));
    log.create("orders", LogSettings::default());
    for _ in 0..EVENTS {
        log.append("orders", &[b'x'; 5000]).unwrap();
    }
    log.steps.file();
    log.steps.checkpoint();
    // Until nothing of it is in memory.
    for _ in 0..4 {
        log.steps.tidy();
    }
    let reads = count_reads(&log);
    let name = channel("orders");
    let limit = ReadLimit {
        events: usize::MAX,
        bytes: 32 << 10,
    };
    let (mut after, mut pages) = (0, 0);
    while after < EVENTS {
        let page = log.done(|engine| engine.read(&name, after, limit)).unwrap();
        assert_eq!(page.next, after + page.events.len() as u64);
        after = page.next;
        pages += 1;
    }
    let reads = reads.load(Ordering::SeqCst);
    assert!(pages > 30 && reads > 2, "{pages} {reads}");
    assert!(reads < pages / 2, "{pages} {reads}");
}

#[test]
fn what_lies_below_what_is_indexed_is_found_without_the_disk() {
    let log = filed(300, &[b'x'; 3000]);
    let orders = log.channel(&channel("orders"));
    let core = &log.steps.core;
    let segment = core.segments(&orders).unwrap()[0];
    let open = core.open_segment(&orders, segment).unwrap().unwrap();
    let reads = count_reads(&log);
    let find = |next| {
        let of = (core.store, orders.id);
        let index = open.index_until(of, segment.bytes, next).unwrap();
        let mark = index.last(|mark| mark.first <= next).unwrap();
        (mark.first, reads.swap(0, Ordering::SeqCst))
    };
    let (middle, read) = find(150);
    assert!((100..=150).contains(&middle) && read > 0, "{middle} {read}");
    assert_eq!(find(150), (middle, 0));
    assert_eq!(find(1), (1, 0));
    // What lies behind it is not.
    let (late, read) = find(300);
    assert!((250..=300).contains(&late) && read > 0, "{late} {read}");
    assert_eq!(find(200).1, 0);
}

#[test]
fn few_events_do_not_keep_what_was_read_beside_them() {
    let mut log = filed(300, &[b'x'; 3000]);
    let name = channel("orders");
    let limit = ReadLimit {
        events: 1,
        bytes: 4 << 20,
    };
    let mut pages = Vec::new();
    for after in (0..300).step_by(10) {
        let page = log.done(|engine| engine.read(&name, after, limit)).unwrap();
        assert_eq!((page.events.len(), page.next), (1, after + 1));
        pages.push(page);
    }
    assert!(log.steps.core.buffers.unused() > 0, "none is used again");
    drop(pages);
}
