//! The embedded key-value store that plugins share: buckets of records in one
//! file under the data folder, with a `record.*` event for every change.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use crate::bus::Publisher;
use crate::event::host_event::{HostEventType, RecordChanged};

const RECORDS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("records");

/// Bytes of keys and values by bucket.
const SIZES: TableDefinition<&str, u64> = TableDefinition::new("sizes");

/// Longest key in bytes.
const MAX_KEY_BYTES: usize = 1024;

/// Longest value in bytes.
const MAX_VALUE_BYTES: usize = 1 << 20;

/// Most bytes in one bucket, overhead included; bounds what a plugin that
/// writes without end takes of the disk.
const MAX_BUCKET_BYTES: u64 = 256 << 20;

/// Most bytes of values that one call reads; bounds what a guest that names one
/// large record many times makes the host allocate.
const MAX_READ_BYTES: usize = 16 << 20;

/// What a record takes of its bucket beyond key and value: about its share of
/// the store's own pages, so that tiny records are bounded too.
const RECORD_OVERHEAD_BYTES: usize = 64;

/// Keys that one call of `list-keys` returns at most.
const KEYS_A_PAGE: usize = 1000;

/// The store of one node. All methods block on the disk.
#[derive(Debug)]
pub(super) struct Records {
    database: Database,
    publisher: Publisher,
    /// Held over a change and its event, so that events come in the order of the changes.
    changing: Mutex<()>,
}

/// Why an operation on the store failed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The key is empty or too long.
    #[error("a key has 1 to {MAX_KEY_BYTES} bytes; this one has {0}")]
    Key(usize),
    /// The value is too long.
    #[error("a value has at most {MAX_VALUE_BYTES} bytes; this one has {0}")]
    Value(usize),
    /// The values asked for at once are too long together.
    #[error(
        "the values of these keys have more than {MAX_READ_BYTES} bytes together; ask for fewer keys at once"
    )]
    Read,
    /// The bucket is full.
    #[error(
        "the bucket `{0}` is full: it may hold {MAX_BUCKET_BYTES} bytes of keys and values, and {RECORD_OVERHEAD_BYTES} bytes are added for each record"
    )]
    Full(String),
    /// The value is not a number that `increment` could change.
    #[error("the value of `{0}` is not a decimal number below 2^64, or would grow beyond")]
    NotANumber(String),
    /// The store itself failed.
    #[error("the key-value store failed: {0}")]
    Store(#[from] redb::Error),
}

macro_rules! from_redb {
    ($($error:ty),*) => {
        $(impl From<$error> for RecordError {
            fn from(error: $error) -> Self {
                Self::Store(error.into())
            }
        })*
    };
}
from_redb!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError
);

/// A change to announce once it is on disk.
struct Change {
    kind: HostEventType,
    key: String,
}

impl Records {
    /// Opens the store in `file`, or makes it.
    ///
    /// # Errors
    /// [`RecordError::Store`], e.g. when another node has the file open.
    pub(super) fn open(file: &Path, publisher: Publisher) -> Result<Self, RecordError> {
        let database = Database::create(file)?;
        let setup = database.begin_write()?;
        setup.open_table(RECORDS)?;
        setup.open_table(SIZES)?;
        setup.commit()?;
        Ok(Self {
            database,
            publisher,
            changing: Mutex::new(()),
        })
    }

    /// The values of `keys`, in their order.
    ///
    /// # Errors
    /// [`RecordError::Read`] when the values are too long together, else
    /// [`RecordError::Store`].
    pub(super) fn get(
        &self,
        bucket: &str,
        keys: &[String],
    ) -> Result<Vec<Option<Vec<u8>>>, RecordError> {
        let table = self.database.begin_read()?.open_table(RECORDS)?;
        let mut bytes = 0;
        keys.iter()
            .map(|key| {
                let Some(value) = table.get((bucket, key.as_str()))? else {
                    return Ok(None);
                };
                bytes += value.value().len();
                if bytes > MAX_READ_BYTES {
                    return Err(RecordError::Read);
                }
                Ok(Some(value.value().to_vec()))
            })
            .collect()
    }

    /// A page of the bucket's keys in order, from the `skip`th on, and where the
    /// next page begins.
    ///
    /// # Errors
    /// [`RecordError::Store`].
    pub(super) fn list(
        &self,
        bucket: &str,
        skip: u64,
    ) -> Result<(Vec<String>, Option<u64>), RecordError> {
        let table = self.database.begin_read()?.open_table(RECORDS)?;
        let skipped = usize::try_from(skip).unwrap_or(usize::MAX);
        let mut keys = Vec::new();
        for record in table.range((bucket, "")..)?.skip(skipped) {
            let record = record?;
            let (of, key) = record.0.value();
            if of != bucket {
                break;
            }
            if keys.len() == KEYS_A_PAGE {
                return Ok((keys, Some(skip.saturating_add(KEYS_A_PAGE as u64))));
            }
            keys.push(key.to_owned());
        }
        Ok((keys, None))
    }

    /// Writes all records, or none.
    ///
    /// # Errors
    /// [`RecordError`] says what is wrong with which record.
    pub(super) fn set(
        &self,
        plugin: &str,
        bucket: &str,
        records: &[(String, Vec<u8>)],
    ) -> Result<(), RecordError> {
        self.change(plugin, bucket, |transaction| {
            records
                .iter()
                .map(|(key, value)| put(transaction, bucket, key, value))
                .collect()
        })
    }

    /// Deletes the records of all keys that have one.
    ///
    /// # Errors
    /// [`RecordError::Store`].
    pub(super) fn delete(
        &self,
        plugin: &str,
        bucket: &str,
        keys: &[String],
    ) -> Result<(), RecordError> {
        self.change(plugin, bucket, |transaction| {
            let mut table = transaction.open_table(RECORDS)?;
            let mut changes = Vec::new();
            let mut freed = 0;
            for key in keys {
                if let Some(old) = table.remove((bucket, key.as_str()))? {
                    freed += size(key, old.value());
                    changes.push(Change {
                        kind: HostEventType::RecordDeleted,
                        key: key.clone(),
                    });
                }
            }
            drop(table);
            resize(transaction, bucket, 0, freed)?;
            Ok(changes)
        })
    }

    /// Adds to a decimal number, which is 0 where there is no record; returns the sum.
    ///
    /// # Errors
    /// [`RecordError::NotANumber`] when the value is something else.
    pub(super) fn increment(
        &self,
        plugin: &str,
        bucket: &str,
        key: &str,
        delta: u64,
    ) -> Result<u64, RecordError> {
        let mut sum = 0;
        self.change(plugin, bucket, |transaction| {
            let not_a_number = || RecordError::NotANumber(key.to_owned());
            let old = match transaction.open_table(RECORDS)?.get((bucket, key))? {
                None => 0,
                Some(value) => std::str::from_utf8(value.value())
                    .ok()
                    .and_then(|text| text.parse::<u64>().ok())
                    .ok_or_else(not_a_number)?,
            };
            sum = old.checked_add(delta).ok_or_else(not_a_number)?;
            Ok(vec![put(
                transaction,
                bucket,
                key,
                sum.to_string().as_bytes(),
            )?])
        })?;
        Ok(sum)
    }

    fn change(
        &self,
        plugin: &str,
        bucket: &str,
        change: impl FnOnce(&WriteTransaction) -> Result<Vec<Change>, RecordError>,
    ) -> Result<(), RecordError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = self.database.begin_write()?;
        let changes = change(&transaction)?;
        transaction.commit()?;
        for Change { kind, key } in changes {
            let data = RecordChanged {
                bucket: bucket.to_owned(),
                key,
                plugin: plugin.to_owned(),
            };
            self.publisher.publish_host(kind, &data.key, &data);
        }
        Ok(())
    }
}

fn put(
    transaction: &WriteTransaction,
    bucket: &str,
    key: &str,
    value: &[u8],
) -> Result<Change, RecordError> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES || key.chars().any(char::is_control) {
        return Err(RecordError::Key(key.len()));
    }
    if value.len() > MAX_VALUE_BYTES {
        return Err(RecordError::Value(value.len()));
    }
    let replaced = {
        let mut table = transaction.open_table(RECORDS)?;
        let old = table.insert((bucket, key), value)?;
        old.map(|old| size(key, old.value()))
    };
    resize(transaction, bucket, size(key, value), replaced.unwrap_or(0))?;
    let kind = match replaced {
        Some(_) => HostEventType::RecordUpdated,
        None => HostEventType::RecordCreated,
    };
    Ok(Change {
        kind,
        key: key.to_owned(),
    })
}

fn resize(
    transaction: &WriteTransaction,
    bucket: &str,
    added: u64,
    freed: u64,
) -> Result<(), RecordError> {
    let mut sizes = transaction.open_table(SIZES)?;
    let before = sizes.get(bucket)?.map_or(0, |size| size.value());
    let after = (before + added).saturating_sub(freed);
    if added > freed && after > MAX_BUCKET_BYTES {
        return Err(RecordError::Full(bucket.to_owned()));
    }
    sizes.insert(bucket, after)?;
    Ok(())
}

fn size(key: &str, value: &[u8]) -> u64 {
    (key.len() + value.len() + RECORD_OVERHEAD_BYTES) as u64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::bus::{
        Bus, BusConfig, Filter, MailboxLimits, Overflow, Receiver, ReceiverKind, Subscription,
    };
    use crate::clock::SystemClock;
    use crate::event::Pattern;

    fn open() -> (tempfile::TempDir, Receiver, Records) {
        let bus = Bus::new(BusConfig {
            node: "a".into(),
            incarnation: "i".into(),
            max_event_bytes: 4096,
            clock: Arc::new(SystemClock),
        });
        let changes = bus.subscribe(Subscription {
            name: "r".into(),
            kind: ReceiverKind::Stream,
            filters: vec![Filter::new(Pattern::new("record.*").unwrap())],
            limits: MailboxLimits::default(),
            overflow: Overflow::DropOldest,
            lanes: 1,
        });
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(&folder.path().join("r.redb"), bus.host_publisher()).unwrap();
        (folder, changes, records)
    }

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

    #[test]
    fn every_change_is_an_event() {
        let (_folder, receiver, records) = open();
        let record = |key: &str, value: &str| (key.to_owned(), value.as_bytes().to_vec());
        records
            .set("p", "b", &[record("x", "1"), record("y", "2")])
            .unwrap();
        records.set("p", "b", &[record("x", "3")]).unwrap();
        records
            .delete("p", "b", &["x".to_owned(), "none".to_owned()])
            .unwrap();
        assert_eq!(records.increment("p", "b", "n", 5).unwrap(), 5);
        assert_eq!(records.increment("p", "b", "n", 2).unwrap(), 7);
        assert_eq!(
            changes(&receiver),
            [
                "record.created x",
                "record.created y",
                "record.updated x",
                "record.deleted x",
                "record.created n",
                "record.updated n"
            ]
        );
        let keys = ["x", "y", "n"].map(str::to_owned);
        let values = records.get("b", &keys).unwrap();
        assert_eq!(values, [None, Some(b"2".to_vec()), Some(b"7".to_vec())]);
    }

    #[test]
    fn buckets_are_apart_and_listed_in_pages() {
        let (_folder, _receiver, records) = open();
        let many: Vec<(String, Vec<u8>)> = (0..1500)
            .map(|key| (format!("{key:04}"), Vec::new()))
            .collect();
        records.set("p", "b", &many).unwrap();
        records
            .set("p", "c", &[("other".to_owned(), Vec::new())])
            .unwrap();
        let (first, next) = records.list("b", 0).unwrap();
        assert_eq!((first.len(), next), (1000, Some(1000)));
        let (rest, next) = records.list("b", 1000).unwrap();
        assert_eq!((rest.len(), rest[0].as_str(), next), (500, "1000", None));
    }

    #[test]
    fn a_refused_record_changes_nothing() {
        let (_folder, receiver, records) = open();
        let good = ("good".to_owned(), Vec::new());
        let long_key = ("k".repeat(MAX_KEY_BYTES + 1), Vec::new());
        let error = records
            .set("p", "b", &[good.clone(), long_key])
            .unwrap_err();
        assert!(matches!(error, RecordError::Key(1025)));
        let long = ("long".to_owned(), vec![0; MAX_VALUE_BYTES + 1]);
        assert!(matches!(
            records.set("p", "b", &[good, long]),
            Err(RecordError::Value(_))
        ));
        assert_eq!(records.list("b", 0).unwrap(), (Vec::new(), None));
        records
            .set("p", "b", &[("text".to_owned(), b"x".to_vec())])
            .unwrap();
        assert!(matches!(
            records.increment("p", "b", "text", 1),
            Err(RecordError::NotANumber(_))
        ));
        assert_eq!(changes(&receiver), ["record.created text"]);
    }

    #[test]
    fn one_large_record_cannot_be_read_many_times_at_once() {
        let (_folder, _receiver, records) = open();
        records
            .set("p", "b", &[("k".to_owned(), vec![0; MAX_VALUE_BYTES])])
            .unwrap();
        let keys = vec!["k".to_owned(); 16];
        assert_eq!(records.get("b", &keys).unwrap().len(), 16);
        let keys = vec!["k".to_owned(); 17];
        assert!(matches!(records.get("b", &keys), Err(RecordError::Read)));
    }

    #[test]
    fn what_was_written_is_there_after_a_restart() {
        let (folder, _receiver, records) = open();
        records
            .set("p", "b", &[("k".to_owned(), b"v".to_vec())])
            .unwrap();
        let publisher = records.publisher.clone();
        drop(records);
        let records = Records::open(&folder.path().join("r.redb"), publisher).unwrap();
        assert_eq!(
            records.get("b", &["k".to_owned()]).unwrap(),
            [Some(b"v".to_vec())]
        );
    }
}
