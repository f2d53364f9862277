use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::stepped::{Stepped, channel};
use super::strained::{Asked, Strained};
use crate::disk::orders::Order;
use crate::{ChangeError, ChannelError, CreateError, Engine as _, LogSettings};

/// Has the disk be full the next time that the catalogue is synced, though all is written.
fn fill_once(log: &Stepped) {
    let once = Arc::new(AtomicBool::new(true));
    log.disk.before(move |asked, path| {
        let catalogue = path.extension().is_some_and(|end| end == "redb");
        if asked == Asked::Sync && catalogue && once.swap(false, Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    });
}

#[test]
fn a_removal_on_a_full_disk_is_done_or_is_not() {
    let mut log = Stepped::open(Strained::new(8));
    log.create("orders", LogSettings::default());
    log.append("orders", b"1").unwrap();
    fill_once(&log);
    let name = channel("orders");
    let removed = log.done(|engine| engine.remove(&name));
    log.steps.tidy();
    let appended = log.append("orders", b"2");
    assert_eq!(removed.is_ok(), appended.is_err());
    let mut log = log.again();
    if removed.is_ok() {
        assert!(log.engine.info(&name).is_none());
    } else {
        assert_eq!(log.numbers("orders"), [1, 2]);
    }
}

#[test]
fn a_creation_on_a_full_disk_leaves_no_second_log_of_the_name() {
    let mut log = Stepped::open(Strained::new(8));
    fill_once(&log);
    let name = channel("orders");
    let settings = LogSettings::default();
    let created = log.done(|engine| engine.create(&name, &settings));
    assert!(matches!(created, Err(CreateError::Storage(_))));
    log.create("orders", LogSettings::default());
    log.steps.tidy();
    log.append("orders", b"1").unwrap();
    let rows = log.steps.core.catalogue.load().unwrap().rows;
    assert_eq!(rows.len(), 1);
    assert_eq!(log.again().numbers("orders"), [1]);
}

#[test]
fn a_name_in_doubt_is_not_given_before_the_catalogue_can_be_asked() {
    let mut log = Stepped::open(Strained::new(8));
    log.disk.before(|asked, path| {
        let catalogue = path.extension().is_some_and(|end| end == "redb");
        match asked {
            Asked::Sync if catalogue => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    });
    let name = channel("orders");
    let settings = LogSettings::default();
    for _ in 0..2 {
        let created = log.done(|engine| engine.create(&name, &settings));
        assert!(matches!(created, Err(CreateError::Storage(_))));
    }
    log.disk.work();
    log.steps.settle();
    log.create("orders", LogSettings::default());
    let rows = log.steps.core.catalogue.load().unwrap().rows;
    assert_eq!(rows.len(), 1);
    let folders = std::fs::read_dir(log.folder()).unwrap();
    let folders = folders.filter(|entry| entry.as_ref().unwrap().path().is_dir());
    // That of the journal, and one.
    assert_eq!(folders.count(), 2);
}

#[test]
fn more_changes_than_may_wait_are_refused_as_such() {
    let mut log = Stepped::open(Strained::new(8));
    let orders = log.create("orders", LogSettings::default());
    let losses = || Order::Losses(Arc::clone(&orders));
    while log.steps.core.orders.push(losses(), 0).is_ok() {}
    let (name, other) = (channel("orders"), channel("other"));
    let settings = LogSettings::default();
    let trimmed = log.done(|engine| engine.trim(&name, 1));
    assert_eq!(trimmed, Err(ChannelError::Overloaded));
    let engine = &log.engine;
    let refused = super::stepped::poll(&mut engine.change(&name, &settings));
    assert_eq!(refused, Some(Err(ChangeError::Overloaded)));
    let refused = super::stepped::poll(&mut engine.create(&other, &settings));
    assert_eq!(refused, Some(Err(CreateError::Overloaded)));
}
