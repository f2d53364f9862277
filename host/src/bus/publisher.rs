//! Who publishes: a source for the events, and an id to exclude them by.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;
use try_lock::TryLock;

use super::delivery::MAX_BATCH;
use super::handle::Bus;
use super::identity::{Identity, Stamped, id};
use super::mailbox::Incoming;
use super::publish_error::PublishError;
use super::publisher_cache::PublisherCache;
use super::receiver::Receiver;
use super::sources::{self, NODE_SOURCES};
use crate::event::host_event::HostEventType;
use crate::event::{Draft, Event, EventType};

/// Publishes events under one source. Events published one after the other
/// reach every receiver in that order.
#[derive(Debug)]
pub struct Publisher {
    bus: Bus,
    identity: Identity,
    cache: TryLock<PublisherCache>,
}

impl Clone for Publisher {
    /// The same publisher with a cache of its own.
    fn clone(&self) -> Self {
        Self::new(self.bus.clone(), self.identity.clone())
    }
}

/// An event that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published<'a> {
    own_id: Option<&'a str>,
    id_prefix: &'a str,
    stamped: Stamped,
}

impl Published<'_> {
    /// Its id: the draft's, or else the one that the node gave.
    #[must_use]
    pub fn id(&self) -> String {
        match (self.own_id, self.stamped.serial) {
            (Some(id), _) => id.to_owned(),
            (None, serial) => id(self.id_prefix, serial.unwrap_or_default()),
        }
    }

    /// Milliseconds since the Unix epoch at which the node took it.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.stamped.time
    }
}

impl Bus {
    /// A publisher whose events carry `source`; `id` is what
    /// [`Filter::exclude`](super::Filter::exclude) names.
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
}

impl Publisher {
    pub(super) fn new(bus: Bus, identity: Identity) -> Self {
        let cache = PublisherCache::new(bus.published_counters().counter());
        Self {
            bus,
            identity,
            cache: TryLock::new(cache),
        }
    }

    /// Publishes an event. Costs a match and a queue push for each receiver, and waits
    /// for none of them.
    ///
    /// A draft may name a source of its own, but none under `/nodes/`: there
    /// the publisher's true source takes its place.
    ///
    /// # Errors
    /// [`PublishError`] when the draft breaks a rule; then nobody gets it.
    pub fn publish<'a>(&'a self, draft: &'a Draft<'_>) -> Result<Published<'a>, PublishError> {
        let stamped = self.with_cache(|cache| {
            let publish = |draft: &_| self.bus.publish(draft, &self.identity, cache);
            Self::own(draft, publish)
        })?;
        Ok(self.published(draft, stamped))
    }

    fn published<'a>(&'a self, draft: &'a Draft<'_>, stamped: Stamped) -> Published<'a> {
        Published {
            own_id: draft.id.as_deref(),
            id_prefix: self.bus.id_prefix(),
            stamped,
        }
    }

    /// Publishes several events, in order, or none: each is checked before the
    /// first is published. They reach a mailbox up to 64 at once, for which it needs
    /// room.
    ///
    /// # Errors
    /// The position of the first draft that breaks a rule, and the rule.
    pub fn publish_all<'a>(
        &'a self,
        drafts: &'a [Draft<'_>],
    ) -> Result<Vec<Published<'a>>, (usize, PublishError)> {
        let mut events = Vec::with_capacity(drafts.len());
        let published: Vec<Published<'a>> = self.with_cache(|cache| {
            let mut publish = |draft: &'a Draft<'_>| {
                let stamp = |draft: &_| self.bus.stamp(draft, &self.identity, cache);
                let stamped = Self::own(draft, stamp)?;
                events.push(Event::copied(cache.last()));
                Ok(self.published(draft, stamped))
            };
            let published = drafts
                .iter()
                .enumerate()
                .map(|(at, draft)| publish(draft).map_err(|error| (at, error)))
                .collect::<Result<_, _>>()?;
            let bytes = events.iter().map(|event| event.as_bytes().len()).sum();
            cache.count(self.bus.published_counters(), events.len(), bytes);
            Ok(published)
        })?;
        for events in events.chunks(MAX_BATCH) {
            self.bus.deliver_all(events, &self.identity, &[]);
        }
        Ok(published)
    }

    /// Checks and encodes drafts, all or none, without publishing them: for events of a
    /// channel, which stores them first. Then [`Publisher::publish_stored`] publishes them.
    ///
    /// # Errors
    /// The position of the first draft that breaks a rule, and the rule.
    pub fn encode_all(&self, drafts: &[Draft<'_>]) -> Result<Vec<Event>, (usize, PublishError)> {
        self.with_cache(|cache| {
            let mut encode = |draft: &Draft<'_>| {
                let stamp = |draft: &_| self.bus.stamp_any(draft, &self.identity, cache);
                Self::own(draft, stamp)?;
                Ok(Event::copied(cache.last()))
            };
            let drafts = drafts.iter().enumerate();
            drafts
                .map(|(at, draft)| encode(draft).map_err(|error| (at, error)))
                .collect()
        })
    }

    /// Publishes events that [`Publisher::encode_all`] has encoded and a channel has stored,
    /// in order.
    pub fn publish_stored(&self, events: &[Event]) {
        let bytes = events.iter().map(|event| event.as_bytes().len()).sum();
        self.with_cache(|cache| {
            cache.count(self.bus.published_counters(), events.len(), bytes);
        });
        for events in events.chunks(MAX_BATCH) {
            self.bus.deliver_all(events, &self.identity, &[]);
        }
    }

    /// Passes on events that were published on another node, as they stand and in order.
    /// Each receiver is woken once for many of them; its mailbox tells their publishers
    /// apart by their sources.
    pub fn relay(&self, events: &[Event]) {
        let bytes: usize = events.iter().map(|event| event.as_bytes().len()).sum();
        self.bus.count_relayed(bytes);
        for events in events.chunks(MAX_BATCH) {
            let numbers = sources::numbers(events, self.identity.number);
            self.bus.deliver_all(events, &self.identity, &numbers);
        }
    }

    /// Puts an event into a mailbox past the filters: for what is for one receiver alone. It
    /// takes its share of the mailbox as what is published does.
    pub fn hand(&self, receiver: &Receiver, event: &Event) {
        let registration = &receiver.registration;
        let incoming = Incoming::shared(1, event, self.identity.number);
        let first_drop = || self.bus.report_drops_of(registration);
        // No version of the filters is newer.
        let _ = registration.deliver([incoming], u64::MAX, first_drop);
    }

    /// Does something with the cache, or with a fresh one while another thread has it:
    /// publishers on several threads do not wait for each other.
    fn with_cache<T>(&self, work: impl FnOnce(&mut PublisherCache) -> T) -> T {
        let Some(mut cache) = self.cache.try_lock() else {
            return work(&mut PublisherCache::default());
        };
        let done = work(&mut cache);
        cache.trim();
        done
    }

    /// Does something with the draft without a source that only the node may give.
    fn own<'d, T>(draft: &Draft<'d>, work: impl FnOnce(&Draft<'d>) -> T) -> T {
        let forged = |source: &str| source.starts_with(NODE_SOURCES);
        if draft.source.as_deref().is_some_and(forged) {
            return work(&Draft {
                source: None,
                ..draft.clone()
            });
        }
        work(draft)
    }

    /// Publishes a host event with JSON data.
    ///
    /// # Panics
    /// Never: the data of host events serialises to JSON.
    pub fn publish_host(&self, event_type: HostEventType, subject: &str, data: &impl Serialize) {
        let data = serde_json::to_vec(data).expect("host event data is plain");
        let draft = Draft {
            subject: Some(subject)
                .filter(|subject| !subject.is_empty())
                .map(Cow::Borrowed),
            data: Some(data.into()),
            distributed: event_type.distributed(),
            ..Draft::new(host_type(event_type.as_str()))
        };
        if let Err(error) = self.publish(&draft) {
            tracing::error!(%error, event_type = event_type.as_str(), "could not publish a host event");
        }
    }
}

/// The type of a host event.
fn host_type(name: &'static str) -> EventType<'static> {
    EventType::host(name).expect("host event types are valid")
}
