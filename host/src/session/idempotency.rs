//! What was answered to a publisher who gave a key, so that the same once more does nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::wheel::millis;

/// How long a key is remembered.
pub const KEYS_TTL: Duration = Duration::from_secs(300);

/// Keys that are remembered of a channel: a publication each half second for
/// [`KEYS_TTL`], with room; the oldest give way.
const MAX_KEYS: usize = 1_024;

/// How long a key does not give way: what is sent again between nodes, or by a publisher who
/// had no answer, is known for that long however much else is published.
const FRESH: u64 = 20_000;

/// Keys that are remembered even so.
const MAX_FRESH_KEYS: usize = 16_384;

/// Keys of a channel and what was answered to each. It reads no clock: the time is given, in
/// milliseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub struct IdempotencyKeys<R> {
    answers: HashMap<Arc<str>, R>,
    /// The oldest first, each with the time from when on it is not remembered.
    order: VecDeque<(u64, Arc<str>)>,
}

impl<R> IdempotencyKeys<R> {
    /// What was answered, if the key is remembered.
    pub fn get(&mut self, key: &str, now: u64) -> Option<&R> {
        self.forget(now);
        self.answers.get(key)
    }

    /// Remembers what is answered to a key that is not remembered yet.
    pub fn insert(&mut self, key: &str, answer: R, now: u64) {
        self.insert_for(key, answer, millis(KEYS_TTL), now);
    }

    /// The same for so many milliseconds, where it was answered a while ago.
    pub fn insert_for(&mut self, key: &str, answer: R, lasts: u64, now: u64) {
        self.forget(now);
        let key: Arc<str> = key.into();
        if self.answers.insert(Arc::clone(&key), answer).is_some() {
            return;
        }
        let until = now.saturating_add(lasts.min(millis(KEYS_TTL)));
        self.order.push_back((until, key));
        if self.order.len() > MAX_KEYS && !self.is_oldest_fresh(now)
            || self.order.len() > MAX_FRESH_KEYS
        {
            self.forget_oldest();
        }
    }

    /// Those that are remembered, the latest first, with what was answered to each and for how
    /// many milliseconds it is remembered still.
    pub fn latest(&self, now: u64) -> impl Iterator<Item = (&Arc<str>, &R, u64)> {
        let latest = self.order.iter().rev();
        latest.filter_map(move |(until, key)| {
            let lasts = until.checked_sub(now)?;
            Some((key, self.answers.get(key)?, lasts))
        })
    }

    /// Whether none is remembered.
    pub fn is_empty(&mut self, now: u64) -> bool {
        self.forget(now);
        self.order.is_empty()
    }

    /// How many there are, with those whose time is over.
    pub fn count(&self) -> usize {
        self.order.len()
    }

    fn forget(&mut self, now: u64) {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            self.forget_oldest();
        }
    }

    fn is_oldest_fresh(&self, now: u64) -> bool {
        let lasts = millis(KEYS_TTL) - FRESH;
        let oldest = self.order.front();
        oldest.is_some_and(|(until, _)| *until > now.saturating_add(lasts))
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.answers.remove(&key);
        }
    }
}

impl<R> Default for IdempotencyKeys<R> {
    fn default() -> Self {
        Self {
            answers: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: u64 = 300_000;

    #[test]
    fn a_key_is_remembered_for_five_minutes() {
        let mut keys = IdempotencyKeys::default();
        assert_eq!(keys.get("a", 0), None);
        keys.insert("a", 1, 1_000);
        keys.insert("b", 2, 2_000);
        assert_eq!(keys.get("a", TTL + 999), Some(&1));
        assert_eq!(keys.get("a", TTL + 1_000), None);
        assert_eq!(keys.get("b", TTL + 1_000), Some(&2));
        assert!(!keys.is_empty(TTL + 1_999));
        assert!(keys.is_empty(TTL + 2_000));
    }

    #[test]
    fn the_oldest_give_way() {
        let mut keys = IdempotencyKeys::default();
        for key in 0..MAX_KEYS {
            keys.insert(&key.to_string(), key, 0);
        }
        keys.insert("later", 0, FRESH);
        assert_eq!(keys.get("0", FRESH), None);
        assert_eq!(keys.get("1", FRESH), Some(&1));
        assert_eq!(keys.answers.len(), MAX_KEYS);
        assert_eq!(keys.order.len(), MAX_KEYS);
    }

    #[test]
    fn what_came_just_now_does_not_give_way() {
        let mut keys = IdempotencyKeys::default();
        for key in 0..=MAX_FRESH_KEYS {
            keys.insert(&key.to_string(), key, 0);
        }
        assert_eq!(keys.get("0", 0), None);
        assert_eq!(keys.get("1", FRESH - 1), Some(&1));
        assert_eq!(keys.order.len(), MAX_FRESH_KEYS);
    }

    #[test]
    fn a_time_that_goes_back_forgets_nothing_too_early() {
        let mut keys = IdempotencyKeys::default();
        keys.insert("a", 1, 10_000);
        assert_eq!(keys.get("a", 0), Some(&1));
    }
}
