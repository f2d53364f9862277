use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::settings;
use super::stepped::{Stepped, channel, one};
use super::strained::{Asked, Strained};
use crate::conformance::{ManualEnvironment, event, key};
use crate::disk::DiskEngine;
use crate::disk::filing::{Filing, Sealed};
use crate::disk::keys::{self, Keys};
use crate::{Batch, Engine as _, Expected, LogSettings, MIN_LOG_BYTES};

const PATIENCE: Duration = Duration::from_secs(60);

fn is_segment(path: &Path) -> bool {
    let is_log = path.extension().is_some_and(|end| end == "log");
    is_log
        && path
            .parent()
            .is_some_and(|folder| !folder.ends_with("journal"))
}

#[test]
fn a_file_of_the_journal_that_ends_with_a_proof_is_removed() {
    let mut log = Stepped::open(Strained::new(8));
    log.create("orders", LogSettings::default());
    log.append("orders", b"1").unwrap();
    log.steps.prove();
    log.steps.seal();
    assert!(log.steps.core.filing.wants_checkpoint());
    log.steps.checkpoint();
    assert_eq!(log.journal_files(), 0);
    assert!(!log.steps.core.filing.wants_checkpoint());
    assert_eq!(log.numbers("orders"), [1]);
}

#[test]
fn a_checkpoint_is_wanted_only_when_it_can_remove_something() {
    let filing = Filing::default();
    filing.end_group(4);
    filing.seal(Sealed {
        number: 1,
        last_group: 5,
        channels: Vec::new(),
        pinned: false,
    });
    assert!(!filing.wants_checkpoint());
    filing.end_group(5);
    assert!(filing.wants_checkpoint());
    filing.set_full(true);
    assert!(!filing.wants_checkpoint());
}

#[test]
fn what_is_not_kept_goes_also_when_nothing_can_be_filed() {
    let mut log = Stepped::open(Strained::new(8));
    let settings = LogSettings {
        max_bytes: MIN_LOG_BYTES,
        ..LogSettings::default()
    };
    let orders = log.create("orders", settings);
    for _ in 0..2 * MIN_LOG_BYTES / 1024 {
        log.append("orders", &[b'x'; 1024]).unwrap();
    }
    assert!(log.steps.file());
    log.append("orders", b"more").unwrap();
    log.disk.before(|asked, path| match asked {
        Asked::Write if is_segment(path) => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    });
    let before = orders.state().bytes;
    assert!(before > MIN_LOG_BYTES);
    let name = channel("orders");
    log.done(|engine| engine.keep(&name, None)).unwrap();
    log.steps.tidy();
    assert!(log.steps.core.filing.is_full());
    assert!(orders.state().bytes < before);
    log.disk.work();
    let (first, last) = {
        let state = orders.state();
        (state.bounds.first, state.bounds.last)
    };
    let mut log = log.again();
    let numbers = log.numbers("orders");
    assert_eq!(numbers.first(), Some(&first));
    assert_eq!(log.channel(&channel("orders")).state().bounds.last, last);
}

#[test]
fn keys_outlive_the_segments_that_they_were_in() {
    let mut log = Stepped::open(Strained::new(8));
    let orders = log.create("orders", LogSettings::default());
    let name = channel("orders");
    let repeat = |log: &mut Stepped| {
        let batch = Batch::of(&event("1", b"data"), Some(key(1))).unwrap();
        let appended = log.done(|engine| engine.append(&name, batch, Expected::Any));
        let appended = appended.unwrap();
        (appended.last, appended.events[0].sequence)
    };
    let drop_all = |log: &mut Stepped, before| {
        log.done(|engine| engine.trim(&name, before)).unwrap();
        log.steps.tidy();
        log.steps.checkpoint();
    };
    assert_eq!(repeat(&mut log), (1, 1));
    log.append("orders", b"other").unwrap();
    drop_all(&mut log, 3);
    assert_eq!(orders.state().bytes, 0);
    let mut log = log.again();
    assert_eq!(repeat(&mut log), (2, 1));
    // What is not remembered any more is not kept.
    let window = LogSettings::default().dedupe;
    log.environment.advance(window + Duration::from_secs(1));
    let mut log = log.again();
    assert_eq!(repeat(&mut log), (3, 3));
    drop_all(&mut log, 4);
    let kept = log.steps.core.catalogue.keys(orders.id).unwrap();
    let kept: Vec<_> = kept.iter().map(|(_, stored)| stored.sequence).collect();
    assert_eq!(kept, [3]);
    log.done(|engine| engine.remove(&name)).unwrap();
    log.steps.tidy();
    assert_eq!(log.steps.core.catalogue.keys(orders.id).unwrap(), []);
}

#[tokio::test]
async fn whoever_waits_for_the_filer_is_told_of_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Strained::new(8);
    let settings = settings(folder.path().join("channels"));
    let environment = Arc::<ManualEnvironment>::default();
    let engine = DiskEngine::open(environment, Arc::new(disk.clone()), settings).unwrap();
    let name = channel("orders");
    engine.create(&name, &LogSettings::default()).await.unwrap();
    disk.before(|_, _| {
        let thread = std::thread::current();
        assert_ne!(thread.name(), Some("channel-file"), "as this test wants");
        Ok(())
    });
    // Whatever is said of it: the filer gets something to do.
    let _ = engine.append(&name, one(b"1"), Expected::Any).await;
    for _ in 0..2 {
        let enforced = tokio::time::timeout(PATIENCE, engine.enforce());
        enforced.await.unwrap();
    }
    engine.close().await;
}

#[test]
fn keys_of_what_is_filed_while_they_are_read_are_learned_once() {
    let mut log = Stepped::open(Strained::new(8));
    let orders = log.create("orders", LogSettings::default());
    let name = channel("orders");
    for id in [1, 2] {
        let batch = Batch::of(&event("1", b"data"), Some(key(id))).unwrap();
        let appended = log.done(|engine| engine.append(&name, batch, Expected::Any));
        appended.unwrap();
    }
    assert!(log.steps.file());
    // As if the filer came to it only when the segment is read.
    orders.state().filed = 0;
    let filed = Arc::clone(&orders);
    log.disk.before(move |_, path| {
        if is_segment(path) {
            filed.state().filed = 2;
        }
        Ok(())
    });
    keys::learn(&log.steps.core, &orders).unwrap();
    let state = orders.state();
    let Keys::Read(learned) = &state.keys else {
        panic!("they are not learned: {:?}", state.keys);
    };
    let learned = learned.iter().map(|(_, stored)| stored.sequence);
    assert_eq!(learned.collect::<Vec<_>>(), [1, 2]);
}
