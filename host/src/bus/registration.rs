//! The part of a receiver that the routing table, publishers and its handle share.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_utils::CachePadded;
use foldhash::fast::FixedState;

use super::difference::Difference;
use super::filter::Filter;
use super::mailbox::{Incoming, Mailbox, Outdated};

/// What stands behind a receiver; labels counters and decides how drops are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiverKind {
    /// A plugin's listeners.
    Plugin,
    /// A live stream to a client.
    Stream,
    /// Somebody who waits for one event.
    Waiter,
    /// Another node of the cluster.
    Link,
}

impl ReceiverKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Plugin, Self::Stream, Self::Waiter, Self::Link];

    /// The kind as a metric's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::Stream => "stream",
            Self::Waiter => "waiter",
            Self::Link => "link",
        }
    }
}

/// The part of a receiver that the routing table shares.
#[derive(Debug)]
pub(super) struct Registration {
    /// Tells the receivers of one bus apart; who came later has a higher one.
    number: u64,
    name: Arc<str>,
    kind: ReceiverKind,
    /// Apart from what publishers only read: the consumer writes to it all the time.
    pub(super) mailbox: CachePadded<Mailbox>,
    filters: Mutex<Vec<Arc<Filter>>>,
    pub(super) dropped: AtomicU64,
    /// Dropped since the last report.
    unreported: AtomicU64,
}

impl Registration {
    pub(super) fn new(number: u64, name: Arc<str>, kind: ReceiverKind, mailbox: Mailbox) -> Self {
        Self {
            number,
            name,
            kind,
            mailbox: CachePadded::new(mailbox),
            filters: Mutex::default(),
            dropped: AtomicU64::new(0),
            unreported: AtomicU64::new(0),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn kind(&self) -> ReceiverKind {
        self.kind
    }

    pub(super) fn filters(&self) -> Vec<Arc<Filter>> {
        self.filters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Replaces the filters; returns what is different then.
    pub(super) fn replace_filters(&self, filters: Vec<Filter>) -> Difference {
        let mut own = self.filters.lock().unwrap_or_else(PoisonError::into_inner);
        Difference::between(&mut own, filters)
    }

    /// Takes some filters out, which must be its own, and puts others in.
    pub(super) fn change_filters(
        &self,
        removed: &[Arc<Filter>],
        added: &[Arc<Filter>],
    ) -> Difference {
        let mut own = self.filters.lock().unwrap_or_else(PoisonError::into_inner);
        if !removed.is_empty() {
            let removed: HashSet<*const Filter, FixedState> =
                removed.iter().map(Arc::as_ptr).collect();
            own.retain(|filter| !removed.contains(&Arc::as_ptr(filter)));
        }
        own.extend_from_slice(added);
        Difference {
            added: added.to_vec(),
            removed: removed.to_vec(),
        }
    }

    /// Puts events into the mailbox, in order; calls `first_drop` if this is the first drop
    /// since the last report.
    ///
    /// # Errors
    /// [`Outdated`] where [`Mailbox::push`] says so.
    #[inline]
    pub(super) fn deliver<'e>(
        &self,
        events: impl IntoIterator<Item = Incoming<'e>>,
        version: u64,
        first_drop: impl FnOnce(),
    ) -> Result<(), Outdated> {
        let mut dropped = 0;
        let delivered = self.mailbox.push(events, version, &mut dropped);
        if dropped > 0 && self.count_dropped(dropped) {
            first_drop();
        }
        delivered
    }

    pub(super) fn count_dropped(&self, dropped: u64) -> bool {
        self.dropped.fetch_add(dropped, Ordering::Relaxed);
        self.unreported.fetch_add(dropped, Ordering::Relaxed) == 0
    }

    /// Dropped since the last call, and in all.
    pub(super) fn take_unreported(&self) -> (u64, u64) {
        (
            self.unreported.swap(0, Ordering::Relaxed),
            self.dropped.load(Ordering::Relaxed),
        )
    }
}
