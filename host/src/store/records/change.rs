//! Changes of records: what they are, and how they are made in a transaction.

use std::collections::HashMap;
use std::sync::Arc;

use redb::{ReadableTable, Table, WriteTransaction};

use super::limits::{
    MAX_BUCKET_BYTES, MAX_CHANGE_BYTES, MAX_KEY_BYTES, MAX_VALUE_BYTES, RECORD_OVERHEAD_BYTES,
};
use crate::event::host_event::HostEventType;
use crate::store::error::RecordError;
use crate::store::tables::{RECORDS, SIZES};

/// What a record that changes costs to write beyond itself: the page that it lies on
/// is written anew.
const PAGE_BYTES: u64 = 4096;

/// A change of records of one bucket, made as a whole or not at all.
#[derive(Debug)]
pub(in crate::store) enum Change {
    Set(Vec<(String, Vec<u8>)>),
    Delete(Vec<String>),
    Increment { key: String, delta: u64 },
}

/// What is to be said of a record that was changed.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) struct Announcement {
    pub(in crate::store) kind: HostEventType,
    pub(in crate::store) key: String,
}

impl Change {
    /// # Errors
    /// [`RecordError`] says what is wrong with which record.
    pub(super) fn set(records: Vec<(String, Vec<u8>)>) -> Result<Self, RecordError> {
        for (key, value) in &records {
            check_key(key)?;
            if value.len() > MAX_VALUE_BYTES {
                return Err(RecordError::Value(value.len()));
            }
        }
        Self::Set(records).checked()
    }

    /// # Errors
    /// [`RecordError::Change`] when the keys are too long together.
    pub(super) fn delete(keys: Vec<String>) -> Result<Self, RecordError> {
        Self::Delete(keys).checked()
    }

    /// # Errors
    /// [`RecordError::Key`].
    pub(super) fn increment(key: String, delta: u64) -> Result<Self, RecordError> {
        check_key(&key)?;
        Ok(Self::Increment { key, delta })
    }

    fn checked(self) -> Result<Self, RecordError> {
        let bytes = self.bytes();
        if bytes > MAX_CHANGE_BYTES {
            return Err(RecordError::Change(bytes));
        }
        Ok(self)
    }

    /// Bytes of its keys and values.
    pub(in crate::store) fn bytes(&self) -> usize {
        match self {
            Self::Set(records) => records
                .iter()
                .map(|(key, value)| key.len() + value.len())
                .sum(),
            Self::Delete(keys) => keys.iter().map(String::len).sum(),
            Self::Increment { key, .. } => key.len(),
        }
    }

    /// What it costs the disk, in bytes written.
    pub(in crate::store) fn work(&self) -> u64 {
        let records = match self {
            Self::Set(records) => records.len(),
            Self::Delete(keys) => keys.len(),
            Self::Increment { .. } => 1,
        };
        self.bytes() as u64 + records as u64 * PAGE_BYTES
    }
}

fn check_key(key: &str) -> Result<(), RecordError> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(RecordError::Key(key.len()));
    }
    match key.chars().find(|character| character.is_control()) {
        Some(control) => Err(RecordError::KeyCharacter(control)),
        None => Ok(()),
    }
}

/// The tables that changes of records touch, within a transaction.
pub(in crate::store) struct Tables<'t> {
    records: Table<'t, (&'static str, &'static str), &'static [u8]>,
    sizes: Table<'t, &'static str, u64>,
}

/// What became of a change, unless the database failed: the answer and what to
/// announce, or why it was refused and has changed nothing.
type Applied = Result<Result<(u64, Vec<Announcement>), RecordError>, redb::Error>;

impl<'t> Tables<'t> {
    pub(in crate::store) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            records: transaction.open_table(RECORDS)?,
            sizes: transaction.open_table(SIZES)?,
        })
    }

    /// Makes a change.
    pub(in crate::store) fn apply(&mut self, bucket: &Arc<str>, change: &Change) -> Applied {
        match change {
            Change::Set(records) => {
                let records = records.iter();
                let records = records.map(|(key, value)| (key.as_str(), value.as_slice()));
                self.set(bucket, records)
            }
            Change::Delete(keys) => self.delete(bucket, keys),
            Change::Increment { key, delta } => self.increment(bucket, key, *delta),
        }
    }

    fn set<'r>(
        &mut self,
        bucket: &Arc<str>,
        records: impl Iterator<Item = (&'r str, &'r [u8])> + Clone,
    ) -> Applied {
        // First what would be, so that what is refused has changed nothing.
        let mut sizes = HashMap::new();
        let mut announcements = Vec::new();
        let (mut added, mut freed) = (0, 0);
        for (key, value) in records.clone() {
            let new = size(key, value);
            let old = match sizes.insert(key, new) {
                Some(earlier) => Some(earlier),
                None => {
                    let old = self.records.get((&**bucket, key))?;
                    old.map(|old| size(key, old.value()))
                }
            };
            added += new;
            freed += old.unwrap_or(0);
            announcements.push(Announcement {
                kind: match old {
                    Some(_) => HostEventType::RecordUpdated,
                    None => HostEventType::RecordCreated,
                },
                key: key.to_owned(),
            });
        }
        let before = self.sizes.get(&**bucket)?.map_or(0, |size| size.value());
        let after = before.saturating_add(added).saturating_sub(freed);
        if added > freed && after > MAX_BUCKET_BYTES {
            return Ok(Err(RecordError::Full(Arc::clone(bucket))));
        }
        for (key, value) in records {
            self.records.insert((&**bucket, key), value)?;
        }
        self.sizes.insert(&**bucket, after)?;
        Ok(Ok((0, announcements)))
    }

    fn delete(&mut self, bucket: &Arc<str>, keys: &[String]) -> Applied {
        let mut announcements = Vec::new();
        let mut freed = 0;
        for key in keys {
            if let Some(old) = self.records.remove((&**bucket, key.as_str()))? {
                freed += size(key, old.value());
                announcements.push(Announcement {
                    kind: HostEventType::RecordDeleted,
                    key: key.clone(),
                });
            }
        }
        if freed > 0 {
            let before = self.sizes.get(&**bucket)?.map_or(0, |size| size.value());
            self.sizes.insert(&**bucket, before.saturating_sub(freed))?;
        }
        Ok(Ok((0, announcements)))
    }

    fn increment(&mut self, bucket: &Arc<str>, key: &str, delta: u64) -> Applied {
        let old = match self.records.get((&**bucket, key))? {
            None => Some(0),
            Some(value) => std::str::from_utf8(value.value())
                .ok()
                .and_then(|text| text.parse::<u64>().ok()),
        };
        let Some(sum) = old.and_then(|old| old.checked_add(delta)) else {
            return Ok(Err(RecordError::NotANumber(key.to_owned())));
        };
        let text = sum.to_string();
        let set = self.set(bucket, std::iter::once((key, text.as_bytes())))?;
        Ok(set.map(|(_, announcements)| (sum, announcements)))
    }
}

fn size(key: &str, value: &[u8]) -> u64 {
    (key.len() + value.len() + RECORD_OVERHEAD_BYTES) as u64
}
