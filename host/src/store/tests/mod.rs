mod disk;
mod faults;
mod sharing;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::bus::{
    Bus, BusConfig, Filter, MailboxLimits, Overflow, Receiver, ReceiverKind, Subscription,
};
use crate::clock::SystemClock;
use crate::event::Pattern;
use disk::TestDisk;

/// Longer than anything here takes on the slowest machine.
const LONG: Duration = Duration::from_secs(60);

fn bus() -> Bus {
    Bus::new(BusConfig {
        node: "a".into(),
        incarnation: "i".into(),
        max_event_bytes: 4096,
        clock: Arc::new(SystemClock),
    })
}

fn listen(bus: &Bus, events: usize) -> Receiver {
    bus.subscribe(Subscription {
        name: "r".into(),
        kind: ReceiverKind::Stream,
        filters: vec![Filter::new(Pattern::new("record.*").unwrap())],
        limits: MailboxLimits {
            events,
            ..MailboxLimits::default()
        },
        overflow: Overflow::DropOldest,
        partitions: 1,
    })
}

/// What was announced, as `TYPE KEY`.
fn changes(receiver: &Receiver) -> Vec<String> {
    std::iter::from_fn(|| receiver.mailbox().try_recv(0).ok().flatten())
        .map(|event| {
            assert!(event.distributed());
            format!(
                "{} {}",
                event.event_type(),
                event.subject().unwrap_or_default()
            )
        })
        .collect()
}

fn on(disk: &TestDisk, bus: &Bus) -> Arc<Store> {
    Store::open_on(disk.clone(), bus.clone(), Arc::new(SystemClock)).unwrap()
}

/// The records of plugin `p`, on a good disk, and what is announced.
fn records() -> (Receiver, Records) {
    let bus = bus();
    let receiver = listen(&bus, 4096);
    (receiver, of(&on(&TestDisk::default(), &bus), "p"))
}

fn of(store: &Arc<Store>, plugin: &str) -> Records {
    store.records(&plugin.into())
}

fn bucket() -> Arc<str> {
    "b".into()
}

fn record(key: impl Into<String>, value: impl AsRef<[u8]>) -> (String, Vec<u8>) {
    (key.into(), value.as_ref().to_vec())
}

async fn set(records: &Records, key: &str, value: &str) -> Result<(), RecordError> {
    records.set(&bucket(), vec![record(key, value)]).await
}

async fn value(records: &Records, key: &str) -> Result<Option<String>, RecordError> {
    let values = records.get(&bucket(), vec![key.to_owned()]).await?;
    let text = |value| String::from_utf8(value).unwrap();
    Ok(values.into_iter().next().unwrap().map(text))
}

#[tokio::test]
async fn every_change_is_an_event() {
    let (receiver, records) = records();
    let b = bucket();
    let both = vec![record("x", "1"), record("y", "2")];
    records.set(&b, both).await.unwrap();
    set(&records, "x", "3").await.unwrap();
    records
        .delete(&b, vec!["x".to_owned(), "none".to_owned()])
        .await
        .unwrap();
    assert_eq!(records.increment(&b, "n".to_owned(), 5).await, Ok(5));
    assert_eq!(records.increment(&b, "n".to_owned(), 2).await, Ok(7));
    let twice = vec![record("z", "1"), record("z", "2")];
    records.set(&b, twice).await.unwrap();
    assert_eq!(
        changes(&receiver),
        [
            "record.created x",
            "record.created y",
            "record.updated x",
            "record.deleted x",
            "record.created n",
            "record.updated n",
            "record.created z",
            "record.updated z"
        ]
    );
    let keys = ["x", "y", "n", "z"].map(str::to_owned).to_vec();
    let values = records.get(&b, keys).await.unwrap();
    let values: Vec<_> = values.iter().map(Option::as_deref).collect();
    let expected: [Option<&[u8]>; 4] = [None, Some(b"2"), Some(b"7"), Some(b"2")];
    assert_eq!(values, expected);
    assert!(records.exists(&b, "y".to_owned()).await.unwrap());
    assert!(!records.exists(&b, "x".to_owned()).await.unwrap());
}

#[tokio::test]
async fn buckets_are_apart_and_listed_in_pages() {
    let (_receiver, records) = records();
    let b = bucket();
    let key = |number: usize| format!("{number:04}");
    let many = (0..1500).map(|number| record(key(number), "")).collect();
    records.set(&b, many).await.unwrap();
    let other: Arc<str> = "c".into();
    records
        .set(&other, vec![record("other", "")])
        .await
        .unwrap();
    let first = records.list(&b, None).await.unwrap();
    assert_eq!(first.keys.len(), 1000);
    // A list goes on after the last key, whatever has happened before it.
    let gone = (0..500).map(key).collect();
    records.delete(&b, gone).await.unwrap();
    set(&records, "0000 again", "").await.unwrap();
    for _again in 0..2 {
        let rest = records.list(&b, first.next).await.unwrap();
        assert_eq!((rest.keys.len(), rest.keys[0].as_str()), (500, "1000"));
        assert_eq!(rest.next, None);
    }
    let unknown = first.next.map(|cursor| cursor ^ 1);
    assert!(matches!(
        records.list(&b, unknown).await,
        Err(RecordError::Cursor(_))
    ));
    assert!(matches!(
        records.list(&other, first.next).await,
        Err(RecordError::Cursor(_))
    ));
}

#[tokio::test]
async fn a_page_of_keys_does_not_read_the_whole_bucket() {
    let (_receiver, records) = records();
    for number in 0..24 {
        let large = vec![record(
            number.to_string(),
            vec![0; records::limits::MAX_VALUE_BYTES],
        )];
        records.set(&bucket(), large).await.unwrap();
    }
    let mut listed = 0;
    let mut cursor = None;
    loop {
        let page = records.list(&bucket(), cursor).await.unwrap();
        assert!(page.keys.len() <= 18, "{}", page.keys.len());
        listed += page.keys.len();
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed, 24);
}

#[tokio::test]
async fn a_refused_change_changes_nothing() {
    let (receiver, records) = records();
    let b = bucket();
    let refused = async |record: (String, Vec<u8>)| {
        let good = self::record("good", "");
        records.set(&b, vec![good, record]).await.unwrap_err()
    };
    let long = record("k".repeat(records::limits::MAX_KEY_BYTES + 1), "");
    assert_eq!(refused(long).await, RecordError::Key(1025));
    assert_eq!(refused(record("", "")).await, RecordError::Key(0));
    let control = refused(record("a\nb", "")).await;
    assert_eq!(control, RecordError::KeyCharacter('\n'));
    assert_eq!(
        control.to_string(),
        "a key has no control characters; this one has U+000A"
    );
    let long = record("long", vec![0; records::limits::MAX_VALUE_BYTES + 1]);
    assert!(matches!(refused(long).await, RecordError::Value(_)));
    let much = vec![record("x", vec![0; 900_000]); 5];
    let much = records.set(&b, much).await;
    assert_eq!(much, Err(RecordError::Change(4_500_005)));
    let empty = records.list(&b, None).await.unwrap();
    assert_eq!((empty.keys, empty.next), (Vec::new(), None));
    set(&records, "text", "x").await.unwrap();
    let not_a_number = records.increment(&b, "text".to_owned(), 1).await;
    let text = RecordError::NotANumber("text".to_owned());
    assert_eq!(not_a_number, Err(text));
    assert_eq!(changes(&receiver), ["record.created text"]);
}

#[tokio::test]
async fn a_full_bucket_takes_nothing_more_until_there_is_room() {
    let (_receiver, records) = records();
    let large = vec![0; records::limits::MAX_VALUE_BYTES];
    // The overhead leaves no room for the last.
    for number in 0..255 {
        let large = vec![record(number.to_string(), &large)];
        records.set(&bucket(), large).await.unwrap();
    }
    let last = vec![record("small", ""), record("last", &large)];
    let full = records.set(&bucket(), last.clone()).await;
    assert_eq!(full, Err(RecordError::Full(bucket())));
    assert_eq!(value(&records, "small").await, Ok(None));
    let other: Arc<str> = "other".into();
    records.set(&other, last.clone()).await.unwrap();
    records
        .delete(&bucket(), vec!["7".to_owned()])
        .await
        .unwrap();
    records.set(&bucket(), last).await.unwrap();
}

#[tokio::test]
async fn one_call_reads_so_much_and_no_more() {
    let (_receiver, records) = records();
    let large = vec![record("k", vec![0; records::limits::MAX_VALUE_BYTES])];
    records.set(&bucket(), large).await.unwrap();
    let read = async |times: usize, key: &str| {
        let values = records.get(&bucket(), vec![key.to_owned(); times]).await;
        values.map(|values| values.len())
    };
    assert_eq!(read(16, "k").await, Ok(16));
    assert_eq!(read(17, "k").await, Err(RecordError::Read));
    assert_eq!(read(512, "none").await, Ok(512));
    assert_eq!(read(513, "none").await, Err(RecordError::Keys(513)));
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.redb");
    let open = || Store::open(&file, bus(), Arc::new(SystemClock));
    let store = open().unwrap();
    set(&of(&store, "p"), "k", "v").await.unwrap();
    let error = open().expect_err("it is open").to_string();
    assert!(error.contains("already open"), "{error}");
    drop(store);
    let store = open().unwrap();
    assert_eq!(value(&of(&store, "p"), "k").await, Ok(Some("v".to_owned())));
}
