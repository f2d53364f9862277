//! The keys of events that were stored lately.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::DedupeKey;

/// Most keys that a node remembers, of all channels together; beyond it the oldest of the
/// channel with the most give way, so that nobody's flood has others' forgotten. Each takes
/// about 100 bytes.
pub const MAX_DEDUPE_KEYS: usize = 1_000_000;

/// The event that a key was stored with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) sequence: u64,
    /// When it was recorded.
    pub(crate) time: u64,
}

/// The keys of all logs of a node.
#[derive(Debug)]
pub(crate) struct Dedupe {
    logs: HashMap<u64, Keys>,
    /// When the oldest key of each log is forgotten, and the log's id.
    oldest: BTreeSet<(u64, u64)>,
    /// How many keys each log has, and the log's id.
    sizes: BTreeSet<(usize, u64)>,
    kept: usize,
    most: usize,
    given_way: u64,
}

/// The keys of one log.
#[derive(Debug, Default)]
struct Keys {
    known: HashMap<DedupeKey, Stored>,
    /// In the order in which they were stored; a key that was stored again stands twice.
    order: VecDeque<Remembered>,
}

#[derive(Clone, Copy, Debug)]
struct Remembered {
    key: DedupeKey,
    sequence: u64,
    until: u64,
}

impl Default for Dedupe {
    fn default() -> Self {
        Self::new(MAX_DEDUPE_KEYS)
    }
}

impl Dedupe {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            logs: HashMap::new(),
            oldest: BTreeSet::new(),
            sizes: BTreeSet::new(),
            kept: 0,
            most,
            given_way: 0,
        }
    }

    /// What was stored with this key, if that was at `since` or later.
    pub(crate) fn find(&self, log: u64, key: &DedupeKey, since: u64) -> Option<Stored> {
        let stored = *self.logs.get(&log)?.known.get(key)?;
        (stored.time >= since).then_some(stored)
    }

    /// Remembers a key until then. The times of one log never go back.
    pub(crate) fn remember(&mut self, log: u64, key: DedupeKey, stored: Stored, until: u64) {
        let keys = self.logs.entry(log).or_default();
        if keys.order.is_empty() {
            self.oldest.insert((until, log));
        }
        self.sizes.remove(&(keys.order.len(), log));
        self.sizes.insert((keys.order.len() + 1, log));
        keys.known.insert(key, stored);
        keys.order.push_back(Remembered {
            key,
            sequence: stored.sequence,
            until,
        });
        self.kept += 1;
        while self.kept > self.most
            && let Some((_, largest)) = self.sizes.last().copied()
        {
            self.forget_oldest_of(largest);
            self.given_way += 1;
        }
    }

    /// Forgets the keys whose time is over.
    pub(crate) fn sweep(&mut self, now: u64) {
        while let Some((until, log)) = self.oldest.first().copied()
            && until < now
        {
            self.forget_oldest_of(log);
        }
    }

    /// Forgets all of a log.
    pub(crate) fn forget(&mut self, log: u64) {
        if let Some(keys) = self.logs.remove(&log) {
            self.kept -= keys.order.len();
            self.sizes.remove(&(keys.order.len(), log));
            if let Some(front) = keys.order.front() {
                self.oldest.remove(&(front.until, log));
            }
        }
    }

    /// How many are remembered.
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// How many gave way to others before their time.
    pub(crate) fn given_way(&self) -> u64 {
        self.given_way
    }

    /// Forgets the oldest key of a log that has any.
    fn forget_oldest_of(&mut self, log: u64) {
        let Some(keys) = self.logs.get_mut(&log) else {
            self.oldest.retain(|(_, of)| *of != log);
            return;
        };
        self.sizes.remove(&(keys.order.len(), log));
        if let Some(gone) = keys.order.pop_front() {
            self.oldest.remove(&(gone.until, log));
            self.kept -= 1;
            let known = keys.known.get(&gone.key);
            // Unless it was stored again since.
            if known.is_some_and(|known| known.sequence == gone.sequence) {
                keys.known.remove(&gone.key);
            }
        }
        match keys.order.front() {
            Some(next) => {
                self.oldest.insert((next.until, log));
                self.sizes.insert((keys.order.len(), log));
            }
            None => {
                self.logs.remove(&log);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> DedupeKey {
        [number; 16]
    }

    fn stored(sequence: u64, time: u64) -> Stored {
        Stored { sequence, time }
    }

    #[test]
    fn keys_are_remembered_for_their_time() {
        let mut keys = Dedupe::default();
        keys.remember(1, key(1), stored(1, 10), 20);
        keys.remember(2, key(1), stored(9, 11), 21);
        assert_eq!(keys.find(1, &key(1), 10), Some(stored(1, 10)));
        assert_eq!(keys.find(1, &key(1), 11), None);
        assert_eq!(keys.find(3, &key(1), 0), None);
        keys.sweep(21);
        assert_eq!(keys.find(1, &key(1), 0), None);
        assert_eq!(keys.find(2, &key(1), 0), Some(stored(9, 11)));
        keys.sweep(22);
        assert_eq!(keys.kept(), 0);
        assert_eq!(keys.given_way(), 0);
    }

    #[test]
    fn a_key_that_was_stored_again_outlives_the_first() {
        let mut keys = Dedupe::default();
        keys.remember(1, key(1), stored(1, 10), 20);
        keys.remember(1, key(1), stored(2, 15), 25);
        keys.sweep(21);
        assert_eq!(keys.find(1, &key(1), 0), Some(stored(2, 15)));
        keys.sweep(26);
        assert_eq!(keys.find(1, &key(1), 0), None);
    }

    #[test]
    fn the_oldest_of_the_log_with_the_most_give_way() {
        let mut keys = Dedupe::new(3);
        keys.remember(2, key(9), stored(1, 9), 19);
        for number in 1..=9 {
            let at = 10 + u64::from(number);
            keys.remember(1, key(number), stored(u64::from(number), at), at + 1000);
        }
        assert_eq!(keys.find(2, &key(9), 0), Some(stored(1, 9)));
        assert_eq!(keys.find(1, &key(7), 0), None);
        assert_eq!(keys.find(1, &key(8), 0), Some(stored(8, 18)));
        assert_eq!((keys.kept(), keys.given_way()), (3, 7));
        keys.forget(1);
        assert_eq!(keys.kept(), 1);
        keys.sweep(u64::MAX);
        assert_eq!(keys.kept(), 0);
    }
}
