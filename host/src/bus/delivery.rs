//! From a draft to the mailboxes of those who want it.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::filter::{Filter, RoutingKey};
use super::handle::Bus;
use super::identity::{Identity, Stamped};
use super::mailbox::{Incoming, Outdated, PublisherId};
use super::publish_error::PublishError;
use super::publisher_cache::PublisherCache;
use super::registration::Registration;
use super::topics::Known;
use crate::event::{Draft, Event, Stamp};

/// Events that are delivered at once: enough that receivers are not woken for each,
/// and so few that they begin before the last is delivered, and that whoever
/// subscribes does not wait for long.
pub(crate) const MAX_BATCH: usize = 64;

/// Those of several events that one receiver gets.
type Selected = SmallVec<[Range<usize>; 1]>;

impl Bus {
    pub(super) fn publish(
        &self,
        draft: &Draft<'_>,
        publisher: &Identity,
        cache: &mut PublisherCache,
    ) -> Result<Stamped, PublishError> {
        let stamped = self.stamp(draft, publisher, cache)?;
        cache.count(&self.0.published, 1, cache.last().as_bytes().len());
        let shared = OnceCell::new();
        // First: what is found afterwards is no older.
        let version = self.0.router.version();
        let number = publisher.number;
        if let Some(receivers) = cache.audience() {
            let event = Incoming::published(receivers.len(), cache.last(), &shared, number);
            for receiver in receivers {
                self.deliver_as_routed(version, receiver, event, draft, publisher);
            }
            return Ok(stamped);
        }
        let key = RoutingKey::of_draft(draft, self.node());
        let topic = self.0.router.topic(key.event_type, key.subject);
        let mut receivers: SmallVec<[&Arc<Registration>; 8]> = SmallVec::new();
        topic.find(&key, self.node(), &publisher.id, |receiver| {
            receivers.push(receiver);
        });
        let event = Incoming::published(receivers.len(), cache.last(), &shared, number);
        for receiver in &receivers {
            self.deliver_as_routed(version, receiver, event, draft, publisher);
        }
        cache.remember_audience(&topic, &receivers);
        Ok(stamped)
    }

    /// Delivers an event to a receiver who gets it by this version of the filters, unless
    /// they have changed for that receiver and it does so no more.
    #[inline]
    pub(super) fn deliver_as_routed(
        &self,
        version: u64,
        receiver: &Arc<Registration>,
        event: Incoming<'_>,
        draft: &Draft<'_>,
        publisher: &Identity,
    ) {
        let first_drop = || self.report_drops_of(receiver);
        let delivered = receiver.deliver([event], version, first_drop);
        if let Err(Outdated { .. }) = delivered {
            let key = RoutingKey::of_draft(draft, self.node());
            self.deliver_as_filtered(receiver, event, &key, publisher);
        }
    }

    /// Delivers an event to a receiver if its filters, which are just being replaced,
    /// want it.
    #[cold]
    fn deliver_as_filtered(
        &self,
        receiver: &Arc<Registration>,
        event: Incoming<'_>,
        key: &RoutingKey<'_>,
        publisher: &Identity,
    ) {
        loop {
            let version = self.0.router.version();
            let wants = |filter: &Arc<Filter>| filter.matches_key(key, self.node(), &publisher.id);
            if !receiver.filters().iter().any(wants) {
                return;
            }
            let first_drop = || self.report_drops_of(receiver);
            if let Ok(()) = receiver.deliver([event], version, first_drop) {
                return;
            }
        }
    }

    /// Checks a live draft and makes it the last event of `cache`, without publishing it.
    pub(super) fn stamp(
        &self,
        draft: &Draft<'_>,
        publisher: &Identity,
        cache: &mut PublisherCache,
    ) -> Result<Stamped, PublishError> {
        if let Some(channel) = &draft.channel {
            return Err(PublishError::OfChannel(channel.clone().into_owned()));
        }
        self.stamp_any(draft, publisher, cache)
    }

    /// The same of any draft, also of one for a channel.
    #[inline]
    pub(super) fn stamp_any(
        &self,
        draft: &Draft<'_>,
        publisher: &Identity,
        cache: &mut PublisherCache,
    ) -> Result<Stamped, PublishError> {
        let limit = self.max_event_bytes();
        let too_large = |bytes| PublishError::TooLarge { bytes, limit };
        let payload = draft.data.as_deref().map_or(0, <[u8]>::len);
        if payload > limit {
            return Err(too_large(payload));
        }
        let mut digits = itoa::Buffer::new();
        let serial = match draft.id {
            Some(_) => None,
            None => Some(cache.next_serial(&self.0.serial)),
        };
        let stamp = Stamp {
            id: [
                &self.0.id_prefix,
                serial.map_or("", |serial| digits.format(serial)),
            ],
            source: &publisher.source,
            time: self.now_millis(),
            origin: self.node(),
            sequence: None,
        };
        cache.encode(draft, &stamp)?;
        let bytes = cache.last().as_bytes().len();
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
    pub(super) fn deliver_all(
        &self,
        events: &[Event],
        publisher: &Identity,
        numbers: &[PublisherId],
    ) {
        let version = self.0.router.version();
        let mut begin = 0;
        let alike: Vec<(RoutingKey<'_>, Known, Range<usize>)> = events
            .chunk_by(RoutingKey::is_shared_by)
            .map(|alike| {
                let range = begin..begin + alike.len();
                begin = range.end;
                let key = RoutingKey::of(alike[0].packed());
                let topic = self.0.router.topic(key.event_type, key.subject);
                (key, topic, range)
            })
            .collect();
        // In the order in which they are found, which does not depend on addresses.
        let mut shares: Vec<(&Arc<Registration>, Selected)> = Vec::new();
        let mut places: HashMap<u64, usize, FixedState> = HashMap::default();
        for (key, topic, range) in &alike {
            topic.find(key, self.node(), &publisher.id, |receiver| {
                let place = *places.entry(receiver.number()).or_insert_with(|| {
                    shares.push((receiver, SmallVec::new()));
                    shares.len() - 1
                });
                shares[place].1.push(range.clone());
            });
        }
        let receivers = shares.len();
        let incoming = |at: usize| {
            let number = numbers.get(at).copied().unwrap_or(publisher.number);
            Incoming::shared(receivers, &events[at], number)
        };
        for (receiver, share) in shares {
            let first_drop = || self.report_drops_of(receiver);
            let own = share.iter().cloned().flatten();
            let delivered = receiver.deliver(own.map(incoming), version, first_drop);
            if let Err(Outdated { taken }) = delivered {
                for at in share.into_iter().flatten().skip(taken) {
                    let key = RoutingKey::of(events[at].packed());
                    self.deliver_as_filtered(receiver, incoming(at), &key, publisher);
                }
            }
        }
    }
}
