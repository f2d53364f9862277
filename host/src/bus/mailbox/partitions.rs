//! The partitions of a mailbox.

use std::hash::BuildHasher;
use std::iter;
use std::ops::{Index, IndexMut};

use foldhash::fast::FixedState;
use hearken_wire::EventRef;

use super::partition::Partition;

/// One or more partitions. Most mailboxes have one, which then is where the lock is.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Partitions {
    first: Partition,
    others: Vec<Partition>,
}

impl Partitions {
    /// So many partitions, numbered from `first` on.
    pub(super) fn new(partitions: usize, first: u64) -> Self {
        let others = (first + 1..).take(partitions.saturating_sub(1));
        Self {
            first: Partition::new(first),
            others: others.map(Partition::new).collect(),
        }
    }

    /// The number of the next partition.
    pub(super) fn end(&self) -> u64 {
        self.first.number + self.len() as u64
    }

    pub(super) fn by_number(&mut self, number: u64) -> Option<&mut Partition> {
        let at = usize::try_from(number.checked_sub(self.first.number)?).ok()?;
        (at < self.len()).then(|| &mut self[at])
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        1 + self.others.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Partition> {
        iter::once(&self.first).chain(&self.others)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Partition> {
        iter::once(&mut self.first).chain(&mut self.others)
    }
}

impl Index<usize> for Partitions {
    type Output = Partition;

    #[inline]
    fn index(&self, partition: usize) -> &Partition {
        match partition.checked_sub(1) {
            None => &self.first,
            Some(other) => &self.others[other],
        }
    }
}

impl IndexMut<usize> for Partitions {
    #[inline]
    fn index_mut(&mut self, partition: usize) -> &mut Partition {
        match partition.checked_sub(1) {
            None => &mut self.first,
            Some(other) => &mut self.others[other],
        }
    }
}

/// The partition of an event. Events without a subject share one.
#[inline]
pub(super) fn partition_of(event: EventRef<'_>, partitions: usize) -> usize {
    if partitions == 1 {
        return 0;
    }
    partition_of_subject(subject_hash(event), partitions)
}

/// A hash of the subject of an event, the same for the same subject. Events without one
/// share it.
#[inline]
pub(crate) fn subject_hash(event: EventRef<'_>) -> u64 {
    FixedState::default().hash_one(event.subject().unwrap_or_default())
}

/// The partition of the events whose subject has this hash.
#[inline]
pub(crate) fn partition_of_subject(hash: u64, partitions: usize) -> usize {
    usize::try_from(hash % partitions as u64).expect("below the number of partitions")
}
