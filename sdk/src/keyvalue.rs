//! The node's key-value store: data that outlives the plugin's instance.
//!
//! Buckets are shared by name between the plugins of a node; a plugin opens only
//! those that its manifest grants with `[allow] keyvalue = ["bucket"]`.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host;

/// An open bucket.
#[derive(Debug)]
pub struct Bucket(host::Bucket);

/// Some keys of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys of this page.
    pub keys: Vec<String>,
    /// What [`Bucket::list`] takes for the next page; `None` after the last. The number
    /// says nothing else, and the host remembers but the last 256 that it gave a plugin.
    pub next: Option<u64>,
}

/// Why an operation on the store failed.
#[derive(Debug, thiserror::Error)]
pub enum KeyValueError {
    /// There is no such bucket.
    #[error("there is no such bucket in the key-value store")]
    NoSuchStore,
    /// The manifest does not grant the bucket.
    #[error("access to the bucket is denied; grant it with `[allow] keyvalue` in the manifest")]
    AccessDenied,
    /// The store failed.
    #[error("the key-value store failed: {0}")]
    Other(String),
    /// A value is not the JSON that was asked for, or cannot be written as JSON.
    #[error("the value of `{key}` does not fit: {reason}")]
    Json {
        /// Key of the value.
        key: String,
        /// What does not fit.
        #[source]
        reason: serde_json::Error,
    },
}

impl Bucket {
    /// Opens the bucket `name`, which need not exist before.
    ///
    /// # Errors
    /// [`KeyValueError::AccessDenied`] when the manifest does not grant it.
    pub fn open(name: &str) -> Result<Self, KeyValueError> {
        host::Bucket::open(name).map(Self)
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// [`KeyValueError`] when the store fails.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.0.get(key)
    }

    /// The value of `key`, read as JSON.
    ///
    /// # Errors
    /// [`KeyValueError::Json`] when the value is not a `T`.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, KeyValueError> {
        self.get(key)?
            .map(|value| serde_json::from_slice(&value).map_err(|reason| json_error(key, reason)))
            .transpose()
    }

    /// Writes `value` under `key`.
    ///
    /// # Errors
    /// [`KeyValueError`] when the store fails.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), KeyValueError> {
        self.0.set(key, value)
    }

    /// Writes `value` under `key` as JSON.
    ///
    /// # Errors
    /// [`KeyValueError::Json`] when the value cannot be written as JSON.
    pub fn set_json<T: Serialize + ?Sized>(
        &self,
        key: &str,
        value: &T,
    ) -> Result<(), KeyValueError> {
        let value = serde_json::to_vec(value).map_err(|reason| json_error(key, reason))?;
        self.set(key, &value)
    }

    /// Deletes `key`; a key that is not there is no error.
    ///
    /// # Errors
    /// [`KeyValueError`] when the store fails.
    pub fn delete(&self, key: &str) -> Result<(), KeyValueError> {
        self.0.delete(key)
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    /// [`KeyValueError`] when the store fails.
    pub fn exists(&self, key: &str) -> Result<bool, KeyValueError> {
        self.0.exists(key)
    }

    /// One page of keys: the first one, or the one that [`KeyPage::next`] names.
    ///
    /// # Errors
    /// [`KeyValueError`] when the store fails.
    pub fn list(&self, page: Option<u64>) -> Result<KeyPage, KeyValueError> {
        self.0.list(page)
    }

    /// Adds `delta` to the number under `key` in one step, from 0 when there is
    /// none, and returns the sum.
    ///
    /// # Errors
    /// [`KeyValueError`] when the value is no number or the store fails.
    pub fn increment(&self, key: &str, delta: u64) -> Result<u64, KeyValueError> {
        self.0.increment(key, delta)
    }

    /// The values of `keys`: those that exist, with their keys.
    ///
    /// # Errors
    /// [`KeyValueError`] when the store fails.
    pub fn get_many(&self, keys: &[String]) -> Result<Vec<(String, Vec<u8>)>, KeyValueError> {
        self.0.get_many(keys)
    }

    /// Writes all of `entries`.
    ///
    /// # Errors
    /// [`KeyValueError`] when the store fails; some may have been written.
    pub fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KeyValueError> {
        self.0.set_many(entries)
    }

    /// Deletes all of `keys`.
    ///
    /// # Errors
    /// [`KeyValueError`] when the store fails; some may have been deleted.
    pub fn delete_many(&self, keys: &[String]) -> Result<(), KeyValueError> {
        self.0.delete_many(keys)
    }
}

fn json_error(key: &str, reason: serde_json::Error) -> KeyValueError {
    KeyValueError::Json {
        key: key.to_owned(),
        reason,
    }
}
