//! The values: the least recently used give way when there are too many bytes.

use lru::LruCache;
use serde_json::value::RawValue;

/// What an entry costs beside its key and value, about.
const ENTRY_OVERHEAD: usize = 128;

pub struct Store {
    values: LruCache<String, Box<RawValue>>,
    bytes: usize,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            values: LruCache::unbounded(),
            bytes: 0,
        }
    }
}

impl Store {
    /// Stores `value`, and removes others until all fit into `max_bytes`. A value
    /// that does not fit alone is not stored.
    pub fn put(&mut self, key: &str, value: Box<RawValue>, max_bytes: usize) {
        self.remove(key);
        self.bytes += cost(key, &value);
        self.values.put(key.to_owned(), value);
        while self.bytes > max_bytes {
            match self.values.pop_lru() {
                Some((key, value)) => self.bytes -= cost(&key, &value),
                None => break,
            }
        }
    }

    pub fn get(&mut self, key: &str) -> Option<&RawValue> {
        self.values.get(key).map(AsRef::as_ref)
    }

    pub fn remove(&mut self, key: &str) {
        if let Some(value) = self.values.pop(key) {
            self.bytes -= cost(key, &value);
        }
    }

    pub fn clear(&mut self) {
        self.values.clear();
        self.bytes = 0;
    }
}

fn cost(key: &str, value: &RawValue) -> usize {
    key.len() + value.get().len() + ENTRY_OVERHEAD
}
