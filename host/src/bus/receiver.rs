//! Receivers: filters plus a mailbox, registered with the bus for as long as
//! the [`Receiver`] lives.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::filter::{Filter, RoutingKey};
use super::handle::Bus;
use super::mailbox::{Closed, Mailbox, MailboxLimits, Overflow};
use super::registration::{ReceiverKind, Registration};
use crate::event::Event;

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
    /// Partitions of the mailbox; see [`Mailbox`].
    pub partitions: usize,
}

/// A registered receiver; dropping it ends the subscription.
#[derive(Debug)]
pub struct Receiver {
    bus: Bus,
    pub(super) registration: Arc<Registration>,
}

impl Bus {
    /// Registers a receiver.
    #[must_use]
    pub fn subscribe(&self, subscription: Subscription) -> Receiver {
        let Subscription {
            name,
            kind,
            filters,
            limits,
            overflow,
            partitions,
        } = subscription;
        let framed_on = Some(self.node()).filter(|_| kind == ReceiverKind::Plugin);
        let mailbox = Mailbox::new(limits, overflow, partitions, framed_on.cloned());
        let number = self.0.next_receiver.fetch_add(1, Ordering::Relaxed);
        let registration = Arc::new(Registration::new(number, name, kind, mailbox));
        self.set_filters(&registration, filters);
        self.receivers_of(kind).fetch_add(1, Ordering::Relaxed);
        Receiver::new(self.clone(), registration)
    }

    /// A receiver for the next event that passes `filter`.
    #[must_use]
    pub fn wait_for(&self, filter: Filter) -> Receiver {
        self.wait_for_any(vec![filter])
    }

    /// A receiver for the next event that passes one of the filters.
    #[must_use]
    pub fn wait_for_any(&self, filters: Vec<Filter>) -> Receiver {
        self.subscribe(Subscription {
            name: "waiter".into(),
            kind: ReceiverKind::Waiter,
            filters,
            limits: MailboxLimits {
                events: 1,
                // Whatever comes, since it comes only once.
                bytes: usize::MAX,
            },
            overflow: Overflow::DropNewest,
            partitions: 1,
        })
    }
}

impl Receiver {
    pub(super) fn new(bus: Bus, registration: Arc<Registration>) -> Self {
        Self { bus, registration }
    }

    /// Waits for the next event of the first partition.
    ///
    /// # Errors
    /// [`Closed`] when there will be none.
    pub async fn recv(&self) -> Result<Event, Closed> {
        self.registration.mailbox.recv(0).await
    }

    /// The mailbox, e.g. to receive from another partition.
    #[must_use]
    pub fn mailbox(&self) -> &Mailbox {
        &self.registration.mailbox
    }

    /// Replaces the filters for all events published from now on; what waits stays.
    /// Costs in proportion to the filters that are different.
    pub fn route(&self, filters: Vec<Filter>) {
        self.bus.set_filters(&self.registration, filters);
    }

    /// Takes some of the filters out, which must be the very ones that were put in, and
    /// puts others in, for all events published from now on; what waits stays.
    pub fn change_route(&self, removed: &[Arc<Filter>], added: &[Arc<Filter>]) {
        self.bus.change_filters(&self.registration, removed, added);
    }

    /// Replaces the filters for all events published from now on, and discards
    /// the waiting events that no new filter wants. Returns how many were discarded.
    /// Filters that are the old ones change nothing.
    pub fn set_filters(&self, filters: Vec<Filter>) -> usize {
        if !self.bus.set_filters(&self.registration, filters) {
            return 0;
        }
        let wanted = self.registration.filters();
        let node = self.bus.node();
        let globs = wanted.iter().map(|filter| filter.pattern.globs().len());
        self.registration.mailbox.retain(globs.sum(), |event| {
            let key = RoutingKey::of(event);
            wanted
                .iter()
                .any(|filter| filter.matches_key(&key, node, ""))
        })
    }

    /// Changes the mailbox: bounds, rule and partitions; what waits stays, and is dropped only where
    /// the new bounds are smaller. Consumers of the old partitions must have stopped.
    pub fn reconfigure(&self, limits: MailboxLimits, overflow: Overflow, partitions: usize) {
        let dropped = self
            .registration
            .mailbox
            .reconfigure(limits, overflow, partitions);
        if dropped > 0 && self.registration.count_dropped(dropped) {
            self.bus.report_drops_of(&self.registration);
        }
    }

    /// Ends what comes here and drops all that is not finished, given how many events
    /// of those that were taken in frames are; returns how many were dropped. They are
    /// counted as dropped, and not reported: that is for whoever gives them up.
    pub fn give_up(&self, finished: u64) -> u64 {
        self.route(Vec::new());
        let dropped = self.registration.mailbox.unfinished(finished);
        self.registration.mailbox.discard();
        self.registration
            .dropped
            .fetch_add(dropped, Ordering::Relaxed);
        dropped
    }

    /// Empties and closes the mailbox, as if it had overflowed by
    /// [`Overflow::Disconnect`].
    pub fn disconnect(&self) {
        let dropped = self.registration.mailbox.disconnect();
        if dropped > 0 && self.registration.count_dropped(dropped) {
            self.bus.report_drops_of(&self.registration);
        }
    }

    /// Events that reached the mailbox, dropped ones included.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.registration.mailbox.received()
    }

    /// Events dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.registration.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.bus.set_filters(&self.registration, Vec::new());
        // Publishers may remember the receiver for a while, but nothing that waited.
        self.registration.mailbox.discard();
        self.bus
            .receivers_of(self.registration.kind())
            .fetch_sub(1, Ordering::Relaxed);
    }
}
