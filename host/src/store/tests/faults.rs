//! Disks that fail.

use tokio::time::Instant;

use super::disk::{EIO, ENOSPC, Faults};
use super::*;
use crate::admin::NodeHealth;

const READING: Faults = Faults {
    read: Some(EIO),
    ..GOOD
};

const GOOD: Faults = Faults {
    read: None,
    write: None,
    sync: None,
    stalled: false,
    pace: Duration::ZERO,
};

/// Waits until operators are told of trouble, or of none.
async fn until(store: &Store, ill: bool) {
    let told = async {
        while store.troubles().is_empty() == ill {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, told).await.expect("it is told");
}

fn failed(error: &RecordError, code: i32) {
    let system = std::io::Error::from_raw_os_error(code).to_string();
    assert!(matches!(error, RecordError::Store(_)), "{error}");
    assert!(error.to_string().contains(&system), "{error}");
}

/// A store whose disk fails for a while: what was told to be written stays, what
/// failed is not there, and once the disk is good again all works as before.
async fn heals(faults: Faults, code: i32) {
    let (bus, disk) = (bus(), TestDisk::default());
    let receiver = listen(&bus, 4096);
    let store = on(&disk, &bus);
    let (p, q) = (of(&store, "p"), of(&store, "q"));
    set(&p, "before", "1").await.unwrap();
    assert_eq!(store.troubles(), []);

    disk.set(faults);
    failed(&set(&p, "during", "2").await.unwrap_err(), code);
    // Everybody is told at once, and nobody waits until it works again.
    failed(&set(&q, "other", "3").await.unwrap_err(), code);
    failed(&value(&q, "before").await.unwrap_err(), code);
    let trouble = store.troubles().remove(0);
    assert_eq!(trouble.part, "the key-value store");
    let system = std::io::Error::from_raw_os_error(code).to_string();
    assert!(trouble.reason.contains(&system), "{}", trouble.reason);

    disk.set(GOOD);
    until(&store, false).await;
    assert_eq!(value(&p, "before").await, Ok(Some("1".to_owned())));
    assert_eq!(value(&p, "during").await, Ok(None));
    set(&p, "after", "4").await.unwrap();
    assert_eq!(value(&q, "after").await, Ok(Some("4".to_owned())));
    assert_eq!(
        changes(&receiver),
        ["record.created before", "record.created after"]
    );
}

#[tokio::test]
async fn a_full_disk_is_recovered_from() {
    let full = Faults {
        write: Some(ENOSPC),
        ..GOOD
    };
    heals(full, ENOSPC).await;
}

#[tokio::test]
async fn a_failed_write_is_recovered_from() {
    let broken = Faults {
        write: Some(EIO),
        ..GOOD
    };
    heals(broken, EIO).await;
}

#[tokio::test]
async fn a_failed_sync_is_recovered_from() {
    let unsynced = Faults {
        sync: Some(EIO),
        ..GOOD
    };
    heals(unsynced, EIO).await;
}

#[tokio::test]
async fn a_failed_read_is_recovered_from() {
    let (bus, disk) = (bus(), TestDisk::default());
    let store = on(&disk, &bus);
    let p = of(&store, "p");
    set(&p, "before", "1").await.unwrap();
    let key = |number: usize| format!("{number:03}");
    // More than is kept in memory.
    for number in 0..80 {
        let large = vec![record(key(number), vec![0; 1 << 20])];
        p.set(&bucket(), large).await.unwrap();
    }
    disk.set(READING);
    let mut error = None;
    for number in 0..80 {
        let read = p.get(&bucket(), vec![key(number)]).await;
        error = error.or(read.err());
    }
    failed(&error.expect("not all is in memory"), EIO);
    until(&store, true).await;
    disk.set(GOOD);
    until(&store, false).await;
    assert_eq!(value(&p, "before").await, Ok(Some("1".to_owned())));
}

#[tokio::test]
async fn a_disk_that_stays_bad_is_tried_ever_less_often() {
    let (bus, disk) = (bus(), TestDisk::default());
    let store = on(&disk, &bus);
    let full = Faults {
        write: Some(ENOSPC),
        ..GOOD
    };
    disk.set(full);
    let before = disk.opened();
    let begun = Instant::now();
    set(&of(&store, "p"), "k", "v").await.unwrap_err();
    let third = async {
        while disk.opened() - before < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let tried = tokio::time::timeout(LONG, third).await;
    tried.expect("it is tried again");
    // Pauses of 100, 200 and 400 ms lie before the third attempt.
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(700), "{took:?}");
    let closing = std::time::Duration::from_secs(3);
    let closed = tokio::time::timeout(closing, tokio::task::spawn_blocking(|| drop(store)));
    closed.await.expect("it waits for no disk").unwrap();
}

#[test]
fn an_emptied_file_is_not_taken_for_a_new_store() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.redb");
    std::fs::write(&file, "").unwrap();
    let error = crate::store::disk::existing(&file).expect_err("it is empty");
    assert!(
        error.to_string().contains("put a copy of it back"),
        "{error}"
    );
    std::fs::remove_file(&file).unwrap();
    let error = crate::store::disk::existing(&file).expect_err("it is gone");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(!file.exists());
}
