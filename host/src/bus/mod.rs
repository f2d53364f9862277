//! The bus: takes a published event, finds the receivers whose filter matches
//! and puts it into each mailbox, as a shared reference or, for plugins, as a copy
//! where their next frame is put together. It never waits for anyone and
//! knows neither wasm nor the network.

mod affixes;
mod drops;
mod filter;
mod interest;
mod mailbox;
mod memory;
mod prefetch;
mod publisher;
mod receiver;
mod routing;
mod sources;
mod totals;
mod wishes;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use crate::clock::Clock;
use crate::event::{Draft, DraftError, Event, EventType, Stamp};

pub use filter::Filter;
pub use interest::Interest;
pub use mailbox::{Closed, Frame, Mailbox, MailboxLimits, Overflow, Taken};
pub(crate) use publisher::TOGETHER;
pub use publisher::{Published, Publisher};
pub use receiver::{Receiver, ReceiverKind, Subscription};
pub use wishes::{ListSize, Wish, Wishes};

use filter::RoutingKey;
use mailbox::{Incoming, Outdated, PublisherId};
use memory::Memory;
use publisher::{Identity, Stamped};
use receiver::Core;
use routing::{Route, RoutingTable};
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
    table: RwLock<RoutingTable>,
    /// Grows with every change of the routes, before it is known to be made.
    routes_version: AtomicU64,
    interest: Interest,
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

/// Those of several events that one receiver gets.
type Selected = SmallVec<[Range<usize>; 1]>;

impl Bus {
    /// A bus without receivers.
    #[must_use]
    pub fn new(config: BusConfig) -> Self {
        Self(Arc::new(Shared {
            id_prefix: format!("{}-", config.incarnation),
            config,
            table: RwLock::default(),
            routes_version: AtomicU64::new(0),
            interest: Interest::default(),
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
        let core = Arc::new(Core::new(name, kind, mailbox));
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

    fn publish(
        &self,
        draft: &Draft<'_>,
        publisher: &Identity,
        memory: &mut Memory,
    ) -> Result<Stamped, PublishError> {
        let stamped = self.stamp(draft, publisher, memory)?;
        memory.count(&self.0.published, 1, memory.last().as_bytes().len());
        let shared = OnceCell::new();
        let version = self.0.routes_version.load(Ordering::Acquire);
        let number = publisher.number;
        if let Some(receivers) = memory.audience(version) {
            let event = Incoming::published(receivers.len(), memory.last(), &shared, number);
            for receiver in receivers {
                self.deliver_as_routed(version, receiver, event, draft, publisher);
            }
            return Ok(stamped);
        }
        let table = self.0.table.read().unwrap_or_else(PoisonError::into_inner);
        // Does not change as long as the table is locked.
        let version = self.0.routes_version.load(Ordering::Relaxed);
        let key = RoutingKey::of_draft(draft, self.node());
        let mut receivers: SmallVec<[&Arc<Core>; 8]> = SmallVec::new();
        self.find(&table, &key, publisher, |receiver| receivers.push(receiver));
        let event = Incoming::published(receivers.len(), memory.last(), &shared, number);
        for receiver in &receivers {
            self.deliver_as_routed(version, receiver, event, draft, publisher);
        }
        memory.remember_audience(version, &receivers);
        Ok(stamped)
    }

    /// Delivers an event to a receiver who gets it by this version of the routes, unless
    /// they have changed for that receiver and it does so no more.
    #[inline]
    fn deliver_as_routed(
        &self,
        version: u64,
        receiver: &Arc<Core>,
        event: Incoming<'_>,
        draft: &Draft<'_>,
        publisher: &Identity,
    ) {
        match receiver.deliver([event], version) {
            Ok(false) => {}
            Ok(true) => self.report_drops_of(receiver),
            Err(Outdated) => self.deliver_as_filtered(receiver, event, draft, publisher),
        }
    }

    /// Delivers an event to a receiver if its filters, which are just being replaced,
    /// want it.
    #[cold]
    fn deliver_as_filtered(
        &self,
        receiver: &Arc<Core>,
        event: Incoming<'_>,
        draft: &Draft<'_>,
        publisher: &Identity,
    ) {
        let key = RoutingKey::of_draft(draft, self.node());
        loop {
            let version = self.0.routes_version.load(Ordering::Acquire);
            let wants = |filter: &Arc<Filter>| filter.matches_key(&key, self.node(), &publisher.id);
            if !receiver.filters().iter().any(wants) {
                return;
            }
            if let Ok(first_drop) = receiver.deliver([event], version) {
                if first_drop {
                    self.report_drops_of(receiver);
                }
                return;
            }
        }
    }

    /// Checks a draft and makes it the last event of `memory`, without publishing it.
    fn stamp(
        &self,
        draft: &Draft<'_>,
        publisher: &Identity,
        memory: &mut Memory,
    ) -> Result<Stamped, PublishError> {
        if let Some(channel) = &draft.channel {
            return Err(PublishError::NoSuchChannel(channel.clone().into_owned()));
        }
        let limit = self.max_event_bytes();
        let too_large = |bytes| PublishError::TooLarge { bytes, limit };
        let payload = draft.data.as_deref().map_or(0, <[u8]>::len);
        if payload > limit {
            return Err(too_large(payload));
        }
        let mut digits = itoa::Buffer::new();
        let serial = match draft.id {
            Some(_) => None,
            None => Some(memory.next_serial(&self.0.serial)),
        };
        let stamp = Stamp {
            id: [
                &self.0.id_prefix,
                serial.map_or("", |serial| digits.format(serial)),
            ],
            source: &publisher.source,
            time: self.0.config.clock.now_millis(),
            origin: self.node(),
            sequence: None,
        };
        memory.encode(draft, &stamp)?;
        let bytes = memory.last().as_bytes().len();
        if bytes > limit {
            return Err(too_large(bytes));
        }
        Ok(Stamped {
            serial,
            time: stamp.time,
        })
    }

    /// Delivers several events, at less than as many times the cost. `numbers` are their
    /// publishers as mailboxes tell them apart; where there is none it is `publisher`'s.
    fn deliver_all(&self, events: &[Event], publisher: &Identity, numbers: &[PublisherId]) {
        let table = self.0.table.read().unwrap_or_else(PoisonError::into_inner);
        // In the order in which they are found, which does not depend on addresses.
        let mut shares: Vec<(&Arc<Core>, Selected)> = Vec::new();
        let mut places: HashMap<*const Core, usize, FixedState> = HashMap::default();
        let mut begin = 0;
        for alike in events.chunk_by(RoutingKey::is_shared_by) {
            let range = begin..begin + alike.len();
            begin = range.end;
            let key = RoutingKey::of(&alike[0]);
            self.find(&table, &key, publisher, |receiver| {
                let place = *places.entry(Arc::as_ptr(receiver)).or_insert_with(|| {
                    shares.push((receiver, SmallVec::new()));
                    shares.len() - 1
                });
                shares[place].1.push(range.clone());
            });
        }
        let receivers = shares.len();
        let version = self.0.routes_version.load(Ordering::Relaxed);
        for (receiver, share) in shares {
            let share = share.into_iter().flatten().map(|at| {
                let number = numbers.get(at).copied().unwrap_or(publisher.number);
                Incoming::shared(receivers, &events[at], number)
            });
            let delivered = receiver.deliver(share, version);
            if delivered.expect("routes do not change while the table is locked") {
                self.report_drops_of(receiver);
            }
        }
    }

    /// Calls `found` once for each receiver that wants the event.
    fn find<'t>(
        &self,
        table: &'t RoutingTable,
        key: &RoutingKey<'_>,
        publisher: &Identity,
        mut found: impl FnMut(&'t Arc<Core>),
    ) {
        let node: &str = self.node();
        let mut served: SmallVec<[*const Core; 8]> = SmallVec::new();
        table.find(key.event_type, key.subject, &mut |route: &'t Route| {
            if !route.filter.matches_rest(key, node, &publisher.id) {
                return;
            }
            let receiver = &route.receiver;
            if receiver.several_filters.load(Ordering::Relaxed) {
                if served.contains(&Arc::as_ptr(receiver)) {
                    return;
                }
                served.push(Arc::as_ptr(receiver));
            }
            found(receiver);
        });
    }

    fn set_filters(&self, core: &Arc<Core>, filters: Vec<Filter>) {
        let filters: Vec<Arc<Filter>> = filters.into_iter().map(Arc::new).collect();
        let mut table = self.0.table.write().unwrap_or_else(PoisonError::into_inner);
        let replaced = core.replace_filters(filters.clone());
        self.reroute(&mut table, core, &replaced, &filters);
    }

    /// Takes some filters of a receiver out, which must be its own, and puts others in.
    fn change_filters(&self, core: &Arc<Core>, removed: &[Arc<Filter>], added: &[Arc<Filter>]) {
        if removed.is_empty() && added.is_empty() {
            return;
        }
        let mut table = self.0.table.write().unwrap_or_else(PoisonError::into_inner);
        core.change_filters(removed, added);
        self.reroute(&mut table, core, removed, added);
    }

    /// Brings the routes to a receiver in line with its filters.
    fn reroute(
        &self,
        table: &mut RoutingTable,
        core: &Arc<Core>,
        removed: &[Arc<Filter>],
        added: &[Arc<Filter>],
    ) {
        for filter in removed {
            table.remove(core, filter);
        }
        for filter in added {
            table.insert(&Route {
                receiver: Arc::clone(core),
                filter: Arc::clone(filter),
            });
        }
        // From here on those who have not heard of the change are told so by the mailbox.
        let version = self.0.routes_version.fetch_add(1, Ordering::Release) + 1;
        core.mailbox.outdate(version);
        // Before the lock is given back, so that changes are counted in their order.
        if core.kind() != ReceiverKind::Link {
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
