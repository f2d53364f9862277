//! From events to receivers: the filters, what was found by them, and how both change
//! while others publish.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use foldhash::fast::RandomState;

use super::difference::Difference;
use super::filter::Filter;
use super::left_right::LeftRight;
use super::registration::Registration;
use super::routing::{RoutingTable, Tenure};
use super::topics::{Known, Topics};

/// Who gets what. Finding that out waits for nobody, however often filters change.
#[derive(Default)]
pub(super) struct Router {
    table: LeftRight<RoutingTable>,
    pub(super) topics: Topics,
    subjects: Subjects,
    /// Grows with every change of the filters, once topics know of it and before it is
    /// known to be made.
    version: AtomicU64,
}

/// Which subjects filters may name.
struct Subjects {
    /// Filters by the hash of their subject.
    filters: Box<[AtomicU32]>,
    hasher: RandomState,
}

impl Router {
    /// The version of the filters; what is found afterwards is at least as new.
    #[inline]
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Who wants events of this type and subject.
    pub(super) fn topic(&self, event_type: &str, subject: Option<&str>) -> Known {
        loop {
            let named = subject.filter(|subject| self.subjects.are_named_like(subject));
            let known = self.topics.get(&self.table, event_type, named);
            let overlooked = |subject| self.subjects.are_named_like(subject);
            // Only what was named before the topic was looked at is told to it.
            if named.is_some() || !subject.is_some_and(overlooked) {
                return known;
            }
        }
    }

    /// Changes the filters of a receiver, for all events whose publishing begins later.
    /// Calls `then` with the difference, if there is one, before anybody else changes
    /// theirs; returns whether there was one.
    pub(super) fn change(
        &self,
        receiver: &Arc<Registration>,
        change: impl FnOnce() -> Difference,
        then: impl FnOnce(&Difference),
    ) -> bool {
        let mut writer = self.table.writer();
        let difference = change();
        let Difference { added, removed } = &difference;
        if added.is_empty() && removed.is_empty() {
            return false;
        }
        self.subjects.add(added);
        writer.change(|table| {
            for filter in removed {
                table.remove(receiver, filter);
            }
            for filter in added {
                table.insert(receiver, filter);
            }
        });
        let tenure = Tenure::of(receiver.kind());
        for filter in added.iter().chain(removed) {
            self.topics.outdate(filter, tenure);
        }
        self.subjects.remove(removed);
        // From here on those who have not heard of the change are told so by the mailbox.
        let version = self.version.fetch_add(1, Ordering::AcqRel) + 1;
        receiver.mailbox.outdate(version);
        then(&difference);
        true
    }
}

#[cfg(test)]
impl Router {
    /// The right to change the filters.
    pub(super) fn writer(&self) -> super::left_right::Writer<'_, RoutingTable> {
        self.table.writer()
    }
}

impl Default for Subjects {
    fn default() -> Self {
        /// Numbers that subjects hash to: with as many filters on subjects, one subject
        /// in three is taken for a named one, which costs a look-up.
        const HASHES: usize = 16 << 10;
        Self {
            filters: (0..HASHES).map(|_| AtomicU32::new(0)).collect(),
            hasher: RandomState::default(),
        }
    }
}

impl Subjects {
    /// Whether a filter may name this subject; if not, none does.
    fn are_named_like(&self, subject: &str) -> bool {
        self.filters_on(subject).load(Ordering::Acquire) > 0
    }

    fn add(&self, filters: &[Arc<Filter>]) {
        for subject in filters.iter().filter_map(|filter| filter.subject.as_ref()) {
            self.filters_on(subject).fetch_add(1, Ordering::AcqRel);
        }
    }

    fn remove(&self, filters: &[Arc<Filter>]) {
        for subject in filters.iter().filter_map(|filter| filter.subject.as_ref()) {
            self.filters_on(subject).fetch_sub(1, Ordering::AcqRel);
        }
    }

    fn filters_on(&self, subject: &str) -> &AtomicU32 {
        let hash = self.hasher.hash_one(subject) % self.filters.len() as u64;
        &self.filters[usize::try_from(hash).expect("below their number")]
    }
}
