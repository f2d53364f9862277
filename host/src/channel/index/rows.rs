//! How an index lies in the cells beside a log.
//!
//! | key | value |
//! | --- | --- |
//! | `indexed/ID` | the number up to which the log was read |
//! | `index/ID/VALUE/NUMBER` | nothing: the event of that number has the value; numbers count down, so that the newest come first |
//! | `indexnumber/ID/NUMBER` | the value, by which the row above is found when the event is dropped |
//!
//! ID stands for the name of the index and its field, so that an index whose field changes
//! begins anew.

use bytes::Bytes;
use hearken_channel_log::CellChange;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::channel::field::{FieldPath, IndexName};

/// What the keys of positions begin with.
pub(super) const POSITIONS: &str = "indexed/";

/// One index of a channel, as its cells name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct IndexId(String);

impl IndexId {
    /// The index of this name on this field.
    pub(super) fn of(name: &IndexName, field: &FieldPath) -> Self {
        let both = format!("{name}\0{field}");
        let hash = blake3::hash(both.as_bytes());
        Self(hash.to_hex()[..16].to_owned())
    }

    /// That of a row of a position.
    pub(super) fn of_position(key: &str) -> Option<Self> {
        key.strip_prefix(POSITIONS).map(|id| Self(id.to_owned()))
    }

    /// Key of the row with the position.
    pub(super) fn position(&self) -> String {
        format!("{POSITIONS}{}", self.0)
    }

    /// What the keys of all its values begin with.
    pub(super) fn values(&self) -> String {
        format!("index/{}/", self.0)
    }

    /// What the keys of one value begin with.
    pub(super) fn value(&self, value: &str) -> String {
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        format!("index/{}/{value}/", self.0)
    }

    /// What the keys of all its numbers begin with.
    pub(super) fn numbers(&self) -> String {
        format!("indexnumber/{}/", self.0)
    }

    /// The changes that put an event in.
    pub(super) fn insert(&self, value: &str, number: u64) -> [CellChange; 2] {
        [
            put(value_key(self, value, number), Bytes::new()),
            put(
                format!("{}{number:016x}", self.numbers()),
                Bytes::copy_from_slice(value.as_bytes()),
            ),
        ]
    }

    /// The changes that take an event out, by its row of `numbers`.
    pub(super) fn remove(&self, key: &str, value: &[u8]) -> Vec<CellChange> {
        let number = key.strip_prefix(&self.numbers());
        let number = number.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let value = std::str::from_utf8(value).ok();
        let of_value = number.zip(value);
        let of_value = of_value.map(|(number, value)| value_key(self, value, number));
        let keys = of_value.into_iter().chain([key.to_owned()]);
        keys.map(remove).collect()
    }

    /// The change that notes up to which number the log was read.
    pub(super) fn advance(&self, number: u64) -> CellChange {
        put(self.position(), Bytes::from(number.to_string()))
    }
}

/// The key behind which the numbers below `before` begin.
pub(super) fn key_before(prefix: &str, before: u64) -> String {
    format!("{prefix}{:016x}", u64::MAX - before)
}

/// The number in the key of a value's row.
pub(super) fn number_in(prefix: &str, key: &str) -> Option<u64> {
    let digits = key.strip_prefix(prefix)?;
    let counted_down = u64::from_str_radix(digits, 16).ok()?;
    Some(u64::MAX - counted_down)
}

/// The change that removes a cell.
pub(super) fn remove(key: String) -> CellChange {
    CellChange {
        key,
        value: None,
        version: None,
    }
}

fn value_key(id: &IndexId, value: &str, number: u64) -> String {
    key_before(&id.value(value), number)
}

fn put(key: String, value: Bytes) -> CellChange {
    CellChange {
        key,
        value: Some(value),
        version: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> IndexId {
        let field = FieldPath::new("user.id").expect("a field");
        IndexId::of(&IndexName::new("by-user").expect("a name"), &field)
    }

    #[test]
    fn the_newest_come_first_and_values_do_not_mix() {
        let [newer, _] = id().insert("a", 12);
        let [older, _] = id().insert("a", 3);
        assert!(newer.key < older.key);
        assert_eq!(number_in(&id().value("a"), &newer.key), Some(12));
        let [other, _] = id().insert("a/b", 1);
        assert!(!other.key.starts_with(&id().value("a")));
        assert!(key_before(&id().value("a"), 12) < older.key);
    }

    #[test]
    fn what_was_put_in_is_taken_out() {
        let [value, number] = id().insert("ä 7", 5);
        let removed = id().remove(&number.key, "ä 7".as_bytes());
        let keys: Vec<_> = removed.into_iter().map(|change| change.key).collect();
        assert_eq!(keys, [value.key, number.key]);
    }

    #[test]
    fn another_field_is_another_index() {
        let name = IndexName::new("by-user").expect("a name");
        let other = IndexId::of(&name, &FieldPath::new("user.name").expect("a field"));
        assert_ne!(id(), other);
        assert_eq!(IndexId::of_position(&id().position()), Some(id()));
    }

    #[test]
    fn keys_are_not_too_long() {
        let long = "ä".repeat(127);
        let [value, number] = id().insert(&long, u64::MAX);
        for key in [value.key, number.key] {
            assert!(key.len() <= hearken_channel_log::MAX_CELL_KEY_BYTES);
        }
    }
}
