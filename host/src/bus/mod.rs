//! The bus: takes a published event, finds the receivers whose filter matches
//! and puts it into each mailbox: small ones as a copy where a plugin's next frame is
//! put together, others as a shared reference. It never waits for anyone, and nothing
//! that happens to filters or mailboxes makes a publisher wait for longer than a bounded
//! number of events takes. It neither runs plugins nor uses the network.

mod affixes;
mod delivery;
mod drops;
mod filter;
mod interest;
mod left_right;
mod mailbox;
mod memory;
mod prefetch;
mod publisher;
mod receiver;
mod router;
mod routing;
mod sources;
mod topics;
mod totals;
mod wishes;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::clock::Clock;
use crate::event::{DraftError, EventType};

pub use filter::Filter;
pub use interest::Interest;
pub use mailbox::{Closed, Frame, Mailbox, MailboxLimits, Overflow, Taken};
pub(crate) use publisher::TOGETHER;
pub use publisher::{Published, Publisher};
pub use receiver::{Receiver, ReceiverKind, Subscription};
pub use wishes::{ListSize, Wish, Wishes};

use publisher::Identity;
use receiver::Core;
use router::{Difference, Router};
use totals::Totals;

/// Handle to the bus of one node; cloning shares it.
#[derive(Clone)]
pub struct Bus(Arc<Shared>);

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

struct Shared {
    config: BusConfig,
    /// Begins every id.
    id_prefix: String,
    router: Router,
    interest: Interest,
    /// Number of the next receiver.
    next_receiver: AtomicU64,
    /// Serial number from which on none is taken.
    serial: AtomicU64,
    /// Number of the next publisher.
    publishers: AtomicU32,
    published: Arc<Totals>,
    /// Bytes of events that were published elsewhere and passed on here.
    relayed_bytes: AtomicU64,
    /// Registered receivers by kind, in the order of [`ReceiverKind::ALL`].
    receivers: [AtomicU64; ReceiverKind::ALL.len()],
    drops: drops::Drops,
}

/// Why an event was not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// An attribute is not valid.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The event is larger than the node allows.
    #[error("the event has {bytes} bytes; this node takes at most {limit}")]
    TooLarge {
        /// Size of the encoded event.
        bytes: usize,
        /// The node's limit.
        limit: usize,
    },
    /// The channel does not exist.
    #[error("there is no channel `{0}`")]
    NoSuchChannel(String),
}

impl Bus {
    /// A bus without receivers.
    #[must_use]
    pub fn new(config: BusConfig) -> Self {
        Self(Arc::new(Shared {
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
            drops: drops::Drops::default(),
        }))
    }

    /// Name of the node.
    #[must_use]
    pub fn node(&self) -> &Arc<str> {
        &self.0.config.node
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

    fn receivers_of(&self, kind: ReceiverKind) -> &AtomicU64 {
        &self.0.receivers[kind as usize]
    }

    /// What this node wants from others.
    #[must_use]
    pub fn interest(&self) -> &Interest {
        &self.0.interest
    }

    /// Registers a receiver.
    #[must_use]
    pub fn subscribe(&self, subscription: Subscription) -> Receiver {
        let Subscription {
            name,
            kind,
            filters,
            limits,
            overflow,
            lanes,
        } = subscription;
        let framed_on = Some(self.node()).filter(|_| kind == ReceiverKind::Plugin);
        let mailbox = Mailbox::new(limits, overflow, lanes, framed_on.cloned());
        let number = self.0.next_receiver.fetch_add(1, Ordering::Relaxed);
        let core = Arc::new(Core::new(number, name, kind, mailbox));
        self.set_filters(&core, filters);
        self.receivers_of(kind).fetch_add(1, Ordering::Relaxed);
        Receiver::new(self.clone(), core)
    }

    /// A receiver for the next event that passes `filter`.
    #[must_use]
    pub fn wait_for(&self, filter: Filter) -> Receiver {
        self.subscribe(Subscription {
            name: "waiter".into(),
            kind: ReceiverKind::Waiter,
            filters: vec![filter],
            limits: MailboxLimits {
                events: 1,
                // Whatever comes, since it comes only once.
                bytes: usize::MAX,
            },
            overflow: Overflow::DropNewest,
            lanes: 1,
        })
    }

    /// A publisher whose events carry `source`; `id` is what
    /// [`Filter::exclude`] names.
    #[must_use]
    pub fn publisher(&self, source: impl Into<Arc<str>>, id: impl Into<Arc<str>>) -> Publisher {
        let identity = Identity {
            source: source.into(),
            id: id.into(),
            number: self.0.publishers.fetch_add(1, Ordering::Relaxed),
        };
        Publisher::new(self.clone(), identity)
    }

    /// The publisher of the host's own events.
    #[must_use]
    pub fn host_publisher(&self) -> Publisher {
        let source = format!("/nodes/{}", self.node());
        self.publisher(source, Arc::clone(self.node()))
    }

    /// A new id, unique on every node for all time.
    #[must_use]
    pub fn new_id(&self) -> String {
        let serial = self.0.serial.fetch_add(1, Ordering::Relaxed);
        publisher::id(self.id_prefix(), serial)
    }

    fn id_prefix(&self) -> &str {
        &self.0.id_prefix
    }

    fn published_totals(&self) -> &Arc<Totals> {
        &self.0.published
    }

    fn count_relayed(&self, bytes: usize) {
        let bytes = bytes as u64;
        self.0.relayed_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Replaces the filters of a receiver; returns whether they are different.
    fn set_filters(&self, core: &Arc<Core>, filters: Vec<Filter>) -> bool {
        self.0.router.change(
            core,
            || core.replace_filters(filters),
            |difference| self.note_interest(core, difference),
        )
    }

    /// Takes some filters of a receiver out, which must be its own, and puts others in.
    fn change_filters(&self, core: &Arc<Core>, removed: &[Arc<Filter>], added: &[Arc<Filter>]) {
        self.0.router.change(
            core,
            || core.change_filters(removed, added),
            |difference| self.note_interest(core, difference),
        );
    }

    fn note_interest(&self, core: &Core, difference: &Difference) {
        if core.kind() != ReceiverKind::Link {
            let Difference { added, removed } = difference;
            let (added, removed) = (added.iter(), removed.iter());
            self.0
                .interest
                .change(added.map(Arc::as_ref), removed.map(Arc::as_ref));
        }
    }

    fn report_drops_of(&self, core: &Arc<Core>) {
        self.0.drops.note(core);
    }

    /// Reports drops for as long as it is polled: by `plugin.overflowed` for
    /// plugins, in the log for all others, at most once a second for each
    /// receiver.
    pub async fn run_drop_reports(&self) {
        self.0.drops.report(&self.host_publisher()).await;
    }

    /// Reports the drops of the last second at once, as the node ends.
    pub fn report_last_drops(&self) {
        self.0.drops.report_pending(&self.host_publisher());
    }
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus")
            .field("node", self.node())
            .finish_non_exhaustive()
    }
}

/// The type of a host event.
pub(crate) fn host_type(name: &'static str) -> EventType<'static> {
    EventType::host(name).expect("host event types are valid")
}

#[cfg(test)]
mod tests;
