//! Receivers: filters plus a mailbox, registered with the bus for as long as
//! the [`Receiver`] lives.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_utils::CachePadded;
use foldhash::fast::FixedState;

use super::Bus;
use super::filter::{Filter, RoutingKey};
use super::mailbox::{Closed, Incoming, Mailbox, MailboxLimits, Outdated, Overflow};
use super::router::Difference;
use crate::event::Event;

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

/// What a new receiver is.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Name for reports, e.g. the plugin's.
    pub name: Arc<str>,
    /// What stands behind it.
    pub kind: ReceiverKind,
    /// Any of them must match; an event that several match is delivered once.
    pub filters: Vec<Filter>,
    /// Bounds of the mailbox.
    pub limits: MailboxLimits,
    /// What happens when the mailbox is full.
    pub overflow: Overflow,
    /// Lanes of the mailbox; see [`Mailbox`].
    pub lanes: usize,
}

/// A registered receiver; dropping it ends the subscription.
#[derive(Debug)]
pub struct Receiver {
    bus: Bus,
    pub(super) core: Arc<Core>,
}

/// The part of a receiver that the routing table shares.
#[derive(Debug)]
pub(super) struct Core {
    /// Tells the receivers of one bus apart; who came later has a higher one.
    number: u64,
    name: Arc<str>,
    kind: ReceiverKind,
    /// Apart from what publishers only read: the consumer writes to it all the time.
    pub(super) mailbox: CachePadded<Mailbox>,
    filters: Mutex<Vec<Arc<Filter>>>,
    dropped: AtomicU64,
    /// Dropped since the last report.
    unreported: AtomicU64,
}

impl Core {
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

impl Receiver {
    pub(super) fn new(bus: Bus, core: Arc<Core>) -> Self {
        Self { bus, core }
    }

    /// Waits for the next event of the first lane.
    ///
    /// # Errors
    /// [`Closed`] when there will be none.
    pub async fn recv(&self) -> Result<Event, Closed> {
        self.core.mailbox.recv(0).await
    }

    /// The mailbox, e.g. to receive from another lane.
    #[must_use]
    pub fn mailbox(&self) -> &Mailbox {
        &self.core.mailbox
    }

    /// Replaces the filters for all events published from now on; what waits stays.
    /// Costs in proportion to the filters that are different.
    pub fn route(&self, filters: Vec<Filter>) {
        self.bus.set_filters(&self.core, filters);
    }

    /// Takes some of the filters out, which must be the very ones that were put in, and
    /// puts others in, for all events published from now on; what waits stays.
    pub fn change_route(&self, removed: &[Arc<Filter>], added: &[Arc<Filter>]) {
        self.bus.change_filters(&self.core, removed, added);
    }

    /// Replaces the filters for all events published from now on, and discards
    /// the waiting events that no new filter wants. Returns how many were discarded.
    /// Filters that are the old ones change nothing.
    pub fn set_filters(&self, filters: Vec<Filter>) -> usize {
        if !self.bus.set_filters(&self.core, filters) {
            return 0;
        }
        let wanted = self.core.filters();
        let node = self.bus.node();
        let globs = wanted.iter().map(|filter| filter.pattern.globs().len());
        self.core.mailbox.retain(globs.sum(), |event| {
            let key = RoutingKey::of(event);
            wanted
                .iter()
                .any(|filter| filter.matches_key(&key, node, ""))
        })
    }

    /// Changes the mailbox; see [`Mailbox::reconfigure`].
    pub fn reconfigure(&self, limits: MailboxLimits, overflow: Overflow, lanes: usize) {
        let dropped = self.core.mailbox.reconfigure(limits, overflow, lanes);
        if dropped > 0 && self.core.count_dropped(dropped) {
            self.bus.report_drops_of(&self.core);
        }
    }

    /// Ends what comes here and drops all that is not finished, given how many events
    /// of those that were taken in frames are; returns how many were dropped. They are
    /// counted as dropped, and not reported: that is for whoever gives them up.
    pub fn give_up(&self, finished: u64) -> u64 {
        self.route(Vec::new());
        let dropped = self.core.mailbox.unfinished(finished);
        self.core.mailbox.discard();
        self.core.dropped.fetch_add(dropped, Ordering::Relaxed);
        dropped
    }

    /// Empties and closes the mailbox, as if it had overflowed by
    /// [`Overflow::Disconnect`].
    pub fn disconnect(&self) {
        let dropped = self.core.mailbox.disconnect();
        if dropped > 0 && self.core.count_dropped(dropped) {
            self.bus.report_drops_of(&self.core);
        }
    }

    /// Events that reached the mailbox, dropped ones included.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.core.mailbox.received()
    }

    /// Events dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.core.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.bus.set_filters(&self.core, Vec::new());
        // Publishers may remember the receiver for a while, but nothing that waited.
        self.core.mailbox.discard();
        self.bus
            .receivers_of(self.core.kind)
            .fetch_sub(1, Ordering::Relaxed);
    }
}
