//! Where lists go on. A cursor is a number, and a page goes on after a key: so the
//! key behind each number is remembered.

use std::collections::VecDeque;
use std::sync::Arc;

/// Cursors of one plugin that are remembered; bounds the memory for their keys.
const REMEMBERED: usize = 256;

/// The cursors that a plugin was given last.
#[derive(Debug, Default)]
pub(super) struct Cursors(VecDeque<Cursor>);

#[derive(Debug)]
struct Cursor {
    number: u64,
    bucket: Arc<str>,
    key: String,
}

impl Cursors {
    /// A cursor for what comes after `key`: the same for the same place, whoever gives
    /// it and when.
    pub(super) fn give(&mut self, bucket: &Arc<str>, key: &str) -> u64 {
        let mut hash = blake3::Hasher::new();
        hash.update(&(bucket.len() as u64).to_le_bytes());
        hash.update(bucket.as_bytes());
        hash.update(key.as_bytes());
        let mut number = [0; 8];
        hash.finalize_xof().fill(&mut number);
        let number = u64::from_le_bytes(number);
        self.0.retain(|cursor| cursor.number != number);
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(Cursor {
            number,
            bucket: Arc::clone(bucket),
            key: key.to_owned(),
        });
        number
    }

    /// The key that a cursor of the bucket stands for.
    pub(super) fn after(&self, bucket: &str, number: u64) -> Option<String> {
        let mut cursors = self.0.iter();
        cursors
            .find(|cursor| cursor.number == number && *cursor.bucket == *bucket)
            .map(|cursor| cursor.key.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_stands_for_its_key_in_its_bucket_alone() {
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let mut cursors = Cursors::default();
        let first = cursors.give(&a, "x");
        assert_eq!(cursors.give(&a, "x"), first);
        assert_ne!(cursors.give(&b, "x"), first);
        assert_eq!(cursors.after("a", first).as_deref(), Some("x"));
        assert_eq!(cursors.after("b", first), None);
        assert_eq!(cursors.after("a", 1), None);
    }

    #[test]
    fn the_oldest_is_forgotten_and_one_given_again_is_not_old() {
        let bucket: Arc<str> = "a".into();
        let mut cursors = Cursors::default();
        let first = cursors.give(&bucket, "0");
        let second = cursors.give(&bucket, "1");
        for key in 2..REMEMBERED {
            cursors.give(&bucket, &key.to_string());
        }
        cursors.give(&bucket, "0");
        cursors.give(&bucket, "one more");
        assert_eq!(cursors.after("a", second), None);
        assert_eq!(cursors.after("a", first).as_deref(), Some("0"));
    }
}
