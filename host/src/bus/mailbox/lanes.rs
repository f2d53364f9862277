//! The lanes of a mailbox.

use std::iter;
use std::ops::{Index, IndexMut};

use super::lane::Lane;

/// One or more lanes. Most mailboxes have one, which then is where the lock is.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Lanes {
    first: Lane,
    others: Vec<Lane>,
}

impl Lanes {
    /// So many lanes, numbered from `first` on.
    pub(super) fn new(lanes: usize, first: u64) -> Self {
        let others = (first + 1..).take(lanes.saturating_sub(1));
        Self {
            first: Lane::new(first),
            others: others.map(Lane::new).collect(),
        }
    }

    /// The number of the next lane.
    pub(super) fn end(&self) -> u64 {
        self.first.number + self.len() as u64
    }

    pub(super) fn by_number(&mut self, number: u64) -> Option<&mut Lane> {
        let at = usize::try_from(number.checked_sub(self.first.number)?).ok()?;
        (at < self.len()).then(|| &mut self[at])
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        1 + self.others.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Lane> {
        iter::once(&self.first).chain(&self.others)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Lane> {
        iter::once(&mut self.first).chain(&mut self.others)
    }
}

impl Index<usize> for Lanes {
    type Output = Lane;

    #[inline]
    fn index(&self, lane: usize) -> &Lane {
        match lane.checked_sub(1) {
            None => &self.first,
            Some(other) => &self.others[other],
        }
    }
}

impl IndexMut<usize> for Lanes {
    #[inline]
    fn index_mut(&mut self, lane: usize) -> &mut Lane {
        match lane.checked_sub(1) {
            None => &mut self.first,
            Some(other) => &mut self.others[other],
        }
    }
}
