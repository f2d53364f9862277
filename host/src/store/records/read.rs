//! Reading records.

use std::ops::Bound;

use redb::{ReadOnlyTable, ReadableTable};

use super::limits::MAX_READ_BYTES;
use crate::store::error::RecordError;

/// The records at one moment.
pub(in crate::store) type Table = ReadOnlyTable<(&'static str, &'static str), &'static [u8]>;

/// Why a read failed.
pub(in crate::store) enum ReadError {
    /// What was asked for cannot be had.
    Refused(RecordError),
    /// The database failed.
    Database(redb::Error),
}

macro_rules! from_redb {
    ($($error:ty),*) => {
        $(impl From<$error> for ReadError {
            fn from(error: $error) -> Self {
                Self::Database(error.into())
            }
        })*
    };
}
from_redb!(
    redb::Error,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError
);

/// The values of the keys, in their order.
pub(super) fn values(
    table: &Table,
    bucket: &str,
    keys: &[String],
) -> Result<Vec<Option<Vec<u8>>>, ReadError> {
    let mut bytes = 0;
    keys.iter()
        .map(|key| {
            let Some(value) = ReadableTable::get(table, (bucket, key.as_str()))? else {
                return Ok(None);
            };
            bytes += value.value().len();
            if bytes > MAX_READ_BYTES {
                return Err(ReadError::Refused(RecordError::Read));
            }
            Ok(Some(value.value().to_vec()))
        })
        .collect()
}

/// Whether there is a record.
pub(super) fn exists(table: &Table, bucket: &str, key: &str) -> Result<bool, ReadError> {
    Ok(ReadableTable::get(table, (bucket, key))?.is_some())
}

/// Up to `most` keys of the bucket in order, those after `after`, and whether there
/// are more. Fewer where they lie between values that take long to read.
pub(super) fn keys(
    table: &Table,
    bucket: &str,
    after: Option<&str>,
    most: usize,
) -> Result<(Vec<String>, bool), ReadError> {
    let from = match after {
        None => Bound::Included((bucket, "")),
        Some(after) => Bound::Excluded((bucket, after)),
    };
    let mut keys = Vec::new();
    let mut passed = 0;
    for record in ReadableTable::range(table, (from, Bound::Unbounded))? {
        let (key, value) = record?;
        let (of, key) = key.value();
        if of != bucket {
            break;
        }
        if keys.len() == most || passed > MAX_READ_BYTES {
            return Ok((keys, true));
        }
        passed += value.value().len();
        keys.push(key.to_owned());
    }
    Ok((keys, false))
}
