use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::settings;
use super::stepped::{Stepped, channel, one, poll};
use super::strained::{Asked, Strained};
use crate::conformance::{ManualEnvironment, event, key};
use crate::disk::DiskEngine;
use crate::disk::catalogue::Loss;
use crate::{
    AppendError, Batch, Discard, Engine, Expected, FullBecause, LogSettings, Span, StorageFault,
};

fn is_journal(path: &Path) -> bool {
    path.parent()
        .is_some_and(|folder| folder.ends_with("journal"))
}

#[test]
fn a_file_of_the_journal_is_as_long_as_there_is_room_for() {
    let mut log = Stepped::open(Strained::new(8));
    log.create("orders", LogSettings::default());
    let room = Arc::new(AtomicU64::new(512 << 10));
    let has = Arc::clone(&room);
    log.disk.before(move |asked, _| match asked {
        Asked::Allocate(bytes) if bytes > has.load(Ordering::SeqCst) => {
            Err(io::ErrorKind::StorageFull.into())
        }
        _ => Ok(()),
    });
    let full = log.append("orders", b"1");
    assert_eq!(full.unwrap_err(), AppendError::Full(FullBecause::Disk));
    assert_eq!(log.journal_files(), 0);
    room.store(3 << 20, Ordering::SeqCst);
    log.append("orders", b"2").unwrap();
    let long = vec![0; 900 << 10];
    for _ in 0..8 {
        log.append("orders", &long).unwrap();
    }
    assert!(log.journal_files() > 2);
    let log = log.again();
    assert_eq!(log.channel(&channel("orders")).state().bounds.last, 9);
}

#[test]
fn a_conflict_with_what_is_not_stored_is_not_told() {
    let mut log = Stepped::open(Strained::new(8));
    log.create("orders", LogSettings::default());
    let name = channel("orders");
    for breaks in [false, true] {
        let last = log.channel(&name).state().bounds.last;
        let expected = Expected::Last { epoch: None, last };
        log.disk.before(move |asked, path| match asked {
            Asked::Sync if breaks && is_journal(path) => Err(io::Error::other("broken")),
            _ => Ok(()),
        });
        let mut stored = log.engine.append(&name, one(b"a"), Expected::Any);
        let mut late = log.engine.append(&name, one(b"b"), expected);
        assert!(poll(&mut stored).is_none() && poll(&mut late).is_none());
        assert!(log.steps.commit());
        let (stored, late) = (poll(&mut stored).unwrap(), poll(&mut late).unwrap());
        if breaks {
            assert!(matches!(stored, Err(AppendError::Unknown(_))), "{stored:?}");
            assert!(matches!(late, Err(AppendError::Unknown(_))), "{late:?}");
        } else {
            assert_eq!(stored.unwrap().last, 1);
            assert_eq!(late.unwrap_err(), AppendError::Conflict { last: 1 });
        }
    }
}

#[test]
fn numbers_that_were_given_up_are_no_events_that_a_full_log_has() {
    let mut log = Stepped::open(Strained::new(8));
    let settings = LogSettings {
        max_events: Some(2),
        discard: Discard::Refuse,
        ..LogSettings::default()
    };
    let orders = log.create("orders", settings);
    {
        let mut state = orders.state();
        state.bounds.last = 1000;
        state.filed = 1000;
        state.losses.push(Loss {
            span: Span::new(1, 1000).unwrap(),
            given_up: true,
        });
    }
    for _ in 0..2 {
        log.append("orders", b"1").unwrap();
    }
    let full = log.append("orders", b"1");
    assert_eq!(full.unwrap_err(), AppendError::Full(FullBecause::Channel));
}

#[test]
fn nobody_waits_for_what_is_never_filed() {
    let mut log = Stepped::open(Strained::new(8));
    let orders = log.create("orders", LogSettings::default());
    let fails = Arc::clone(&orders);
    log.disk.before(move |asked, path| {
        if asked == Asked::Sync && is_journal(path) {
            let fault = StorageFault::new("its segment cannot be written");
            fails.state().failed.get_or_insert(fault);
        }
        Ok(())
    });
    // It fails while its batch is made durable.
    log.append("orders", b"1").unwrap();
    assert_eq!(log.steps.core.filing.unfiled(), 0);
    log.steps.file();
    assert_eq!(log.steps.core.filing.unfiled(), 0);
    let name = channel("orders");
    log.done(|engine| engine.remove(&name)).unwrap();
    assert_eq!(log.steps.core.filing.unfiled(), 0);
    assert_eq!(log.steps.core.bytes.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn keys_are_not_read_where_appends_wait() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Strained::new(8);
    let name = channel("orders");
    let environment = Arc::<ManualEnvironment>::default();
    let open = || {
        let settings = settings(folder.path().join("channels"));
        DiskEngine::open(environment.clone(), Arc::new(disk.clone()), settings).unwrap()
    };
    let keyed = || Batch::of(&event("1", b"data"), Some(key(1))).unwrap();
    let engine = open();
    engine.create(&name, &LogSettings::default()).await.unwrap();
    engine.append(&name, keyed(), Expected::Any).await.unwrap();
    engine.close().await;
    drop(engine);

    let engine = open();
    let readers = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&readers);
    disk.before(move |asked, path| {
        if asked == Asked::Read && path.extension().is_some_and(|end| end == "log") {
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            seen.lock().unwrap().push(name);
        }
        Ok(())
    });
    let (one, other) = tokio::join!(
        engine.append(&name, keyed(), Expected::Any),
        engine.append(&name, keyed(), Expected::Any),
    );
    for again in [one.unwrap(), other.unwrap()] {
        assert!(again.events[0].is_duplicate());
        assert_eq!(again.last, 1);
    }
    engine.close().await;
    let readers = readers.lock().unwrap();
    assert!(!readers.is_empty());
    let all_read = readers.iter().all(|name| name.starts_with("channel-read"));
    assert!(all_read, "{readers:?}");
}
