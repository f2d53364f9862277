//! A map whose keys are the beginnings, or the ends, of the texts that are looked up.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// Which end of a text the keys are compared with.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Front,
    Back,
}

/// Values by affix. A look-up costs one access for each length that keys have, and
/// so at most as many as the text has bytes, however many keys there are.
#[derive(Debug)]
pub(super) struct Affixes<V> {
    end: End,
    values: HashMap<Box<str>, V, RandomState>,
    /// The lengths of the keys, and how many keys have each; in ascending order.
    lengths: Vec<(usize, usize)>,
}

impl<V: Default> Affixes<V> {
    pub(super) fn new(end: End) -> Self {
        Self {
            end,
            values: HashMap::default(),
            lengths: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of `key`, made if there is none.
    pub(super) fn entry(&mut self, key: &str) -> &mut V {
        if !self.values.contains_key(key) {
            match self.find_length(key.len()) {
                Ok(at) => self.lengths[at].1 += 1,
                Err(at) => self.lengths.insert(at, (key.len(), 1)),
            }
        }
        self.values.entry(key.into()).or_default()
    }

    /// Changes the value of `key`, if it has one, and removes it if `change` says so.
    pub(super) fn remove_if(&mut self, key: &str, change: impl FnOnce(&mut V) -> bool) {
        if !self.values.get_mut(key).is_some_and(change) {
            return;
        }
        self.values.remove(key);
        if let Ok(at) = self.find_length(key.len()) {
            self.lengths[at].1 -= 1;
            if self.lengths[at].1 == 0 {
                self.lengths.remove(at);
            }
        }
    }

    /// Calls `found` with the value of each key that is an affix of `text`.
    pub(super) fn find<'a>(&'a self, text: &str, mut found: impl FnMut(&'a V)) {
        for (length, _) in &self.lengths {
            let Some(rest) = text.len().checked_sub(*length) else {
                return;
            };
            let affix = match self.end {
                End::Front => text.get(..*length),
                End::Back => text.get(rest..),
            };
            if let Some(value) = affix.and_then(|affix| self.values.get(affix)) {
                found(value);
            }
        }
    }

    fn find_length(&self, length: usize) -> Result<usize, usize> {
        self.lengths
            .binary_search_by_key(&length, |(known, _)| *known)
    }
}
