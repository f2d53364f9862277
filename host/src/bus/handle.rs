//! The handle to a bus, and what all that use it share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::difference::Difference;
use super::drops::Drops;
use super::filter::Filter;
use super::identity;
use super::interest::Interest;
use super::published_counters::PublishedCounters;
use super::registration::{ReceiverKind, Registration};
use super::router::Router;
use crate::clock::Clock;

/// Handle to the bus of one node; cloning shares it.
#[derive(Clone)]
pub struct Bus(pub(super) Arc<State>);

/// What a bus needs to know.
pub struct BusConfig {
    /// Name of the node, the origin of all that is published here.
    pub node: Arc<str>,
    /// Unlike every earlier start of a node with this name; begins every id.
    pub incarnation: String,
    /// Largest event in bytes, attributes included.
    pub max_event_bytes: usize,
    /// Tells the time of an event.
    pub clock: Arc<dyn Clock>,
}

/// What the handles of a bus share.
pub(super) struct State {
    pub(super) config: BusConfig,
    /// Begins every id.
    pub(super) id_prefix: String,
    pub(super) router: Router,
    pub(super) interest: Interest,
    /// Number of the next receiver.
    pub(super) next_receiver: AtomicU64,
    /// Serial number from which on none is taken.
    pub(super) serial: AtomicU64,
    /// Number of the next publisher.
    pub(super) publishers: AtomicU32,
    pub(super) published: Arc<PublishedCounters>,
    /// Bytes of events that were published elsewhere and passed on here.
    pub(super) relayed_bytes: AtomicU64,
    /// Registered receivers by kind, in the order of [`ReceiverKind::ALL`].
    pub(super) receivers: [AtomicU64; ReceiverKind::ALL.len()],
    pub(super) drops: Drops,
}

impl Bus {
    /// A bus without receivers.
    #[must_use]
    pub fn new(config: BusConfig) -> Self {
        Self(Arc::new(State {
            id_prefix: format!("{}-", config.incarnation),
            config,
            router: Router::default(),
            interest: Interest::default(),
            next_receiver: AtomicU64::new(0),
            serial: AtomicU64::new(0),
            publishers: AtomicU32::new(0),
            published: Arc::default(),
            relayed_bytes: AtomicU64::new(0),
            receivers: Default::default(),
            drops: Drops::default(),
        }))
    }

    /// Name of the node.
    #[must_use]
    pub fn node(&self) -> &Arc<str> {
        &self.0.config.node
    }

    /// The time of day that events get, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_millis(&self) -> u64 {
        self.0.config.clock.now_millis()
    }

    /// Largest event in bytes, attributes included.
    #[must_use]
    pub fn max_event_bytes(&self) -> usize {
        self.0.config.max_event_bytes
    }

    /// Events published on this node since it started.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.0.published.events()
    }

    /// Bytes of those events, attributes included.
    #[must_use]
    pub fn published_bytes(&self) -> u64 {
        self.0.published.bytes()
    }

    /// Bytes of all events that were delivered here since the node started, wherever they
    /// were published.
    #[must_use]
    pub fn passed_bytes(&self) -> u64 {
        self.published_bytes() + self.0.relayed_bytes.load(Ordering::Relaxed)
    }

    /// Receivers of a kind that are registered now.
    #[must_use]
    pub fn receivers(&self, kind: ReceiverKind) -> u64 {
        self.receivers_of(kind).load(Ordering::Relaxed)
    }

    pub(super) fn receivers_of(&self, kind: ReceiverKind) -> &AtomicU64 {
        &self.0.receivers[kind as usize]
    }

    /// What this node wants from others.
    #[must_use]
    pub fn interest(&self) -> &Interest {
        &self.0.interest
    }

    /// A new id, unique on every node for all time.
    #[must_use]
    pub fn new_id(&self) -> String {
        let serial = self.0.serial.fetch_add(1, Ordering::Relaxed);
        identity::id(self.id_prefix(), serial)
    }

    pub(super) fn id_prefix(&self) -> &str {
        &self.0.id_prefix
    }

    pub(super) fn published_counters(&self) -> &Arc<PublishedCounters> {
        &self.0.published
    }

    pub(super) fn count_relayed(&self, bytes: usize) {
        let bytes = bytes as u64;
        self.0.relayed_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Replaces the filters of a receiver; returns whether they are different.
    pub(super) fn set_filters(
        &self,
        registration: &Arc<Registration>,
        filters: Vec<Filter>,
    ) -> bool {
        self.0.router.change(
            registration,
            || registration.replace_filters(filters),
            |difference| self.note_interest(registration, difference),
        )
    }

    /// Takes some filters of a receiver out, which must be its own, and puts others in.
    pub(super) fn change_filters(
        &self,
        registration: &Arc<Registration>,
        removed: &[Arc<Filter>],
        added: &[Arc<Filter>],
    ) {
        self.0.router.change(
            registration,
            || registration.change_filters(removed, added),
            |difference| self.note_interest(registration, difference),
        );
    }

    fn note_interest(&self, registration: &Registration, difference: &Difference) {
        if registration.kind() != ReceiverKind::Link {
            let Difference { added, removed } = difference;
            let (added, removed) = (added.iter(), removed.iter());
            self.0
                .interest
                .change(added.map(Arc::as_ref), removed.map(Arc::as_ref));
        }
    }

    pub(super) fn report_drops_of(&self, registration: &Arc<Registration>) {
        self.0.drops.note(registration);
    }
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus")
            .field("node", self.node())
            .finish_non_exhaustive()
    }
}
