//! Letting a session into a channel, once it is found out that it may be there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hearken_session_protocol::codes::errors;
use hearken_session_protocol::filter::Filter;
use hearken_session_protocol::{ClientInfo, Encoding, Publication, SubscribeResult};

use super::connection::{Active, Connection, Known, State};
use super::frame::Form;
use super::grant::SubscriptionGrant;
use super::history::Recovered;
use super::hub::{
    Begin, Hub, Member, NewSubscriber, Subscribed, Subscriber, Subscribing, Wants, full_of_deltas,
};
use super::log_position::LogPosition;
use super::name::ChannelName;
use super::namespace::RecoveryMode;
use super::options::SubscriptionOptions;
use super::place::Place;
use super::publication::StoredPublication;
use super::publishing::no_hub;
use super::refused::Refused;
use super::shared::{Reminder, Shared};
use super::source::Source;
use super::verb::Verbs;
use crate::access::Identity;
use crate::event::host_event::HostEventType;

/// Most publications that a session gets that comes back, as in Centrifugo; who has missed
/// more starts anew.
pub(super) const MAX_RECOVERED: usize = 300;

/// How long a client has to refresh what has expired, in milliseconds.
pub(super) const EXPIRED_GRACE: u64 = 25_000;

/// What a subscription is to be like.
#[derive(Debug)]
pub(super) struct Entering<'e> {
    pub(super) name: &'e ChannelName,
    pub(super) place: &'e Place,
    pub(super) options: SubscriptionOptions,
    pub(super) grant: SubscriptionGrant,
    /// When it expires, in seconds since the Unix epoch.
    pub(super) expire_at: Option<u64>,
    /// Whether a plugin is asked then for how long it goes on, and not the client for a token.
    pub(super) renewed_by_plugin: bool,
    /// What else its token allows.
    pub(super) allow: Verbs,
    /// Where the client was, if it was there and wants what it has missed.
    pub(super) recovers: Option<(u64, &'e str)>,
    /// Whether it is refused if that is not known.
    pub(super) rejects_unrecovered: bool,
    pub(super) filter: Option<Filter>,
    /// Whether pushes may have the channel's number.
    pub(super) numbered: bool,
    /// Whether publications may be deltas.
    pub(super) delta: bool,
    /// Most bytes of what it has missed that the answer brings.
    pub(super) room: usize,
}

impl Entering<'_> {
    /// Whether anybody may look at who else is subscribed, or is told of it.
    fn has_company(&self) -> bool {
        let (options, namespace) = (&self.options, &self.place.namespace);
        namespace.presence || namespace.join_leave || options.presence || options.push_join_leave
    }
}

/// Somebody is subscribed.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) hub: Arc<Hub>,
    /// Held until [`Shared::open`].
    pub(super) subscriber: Arc<Subscriber>,
    /// What the client is told of it.
    pub(super) result: SubscribeResult,
    /// Bytes of publications that this brings, about.
    pub(super) brought: usize,
}

impl Shared {
    /// Subscribes a session whose subscription has begun. What the client is
    /// told of it is the result; until it is told so nothing of the channel comes to it.
    ///
    /// # Errors
    /// Why it cannot be.
    pub(super) fn enter(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        state: &mut State,
        known: &Known,
        entering: Entering<'_>,
    ) -> Result<Entered, Refused> {
        let ttl = self.ttl(entering.expire_at)?;
        let info = Arc::new(ClientInfo {
            user: (*known.user).to_owned(),
            client: (*connection.client).to_owned(),
            conn_info: known.info.clone(),
            chan_info: entering.grant.info.clone(),
        });
        let hears = matches!(entering.place.source, Source::Bus(_));
        let hears = hears.then(|| known.identity.clone());
        let (hub, subscribed) = self.subscribe_to_hub(connection, &entering, &info, hears)?;
        let subscriber = Arc::clone(&subscribed.subscriber);
        let brought = subscribed.recovered.as_ref().map_or(0, bytes);
        let told_ttl = ttl.filter(|_| !entering.renewed_by_plugin);
        let result = SubscribeResult {
            expires: told_ttl.is_some(),
            ttl: told_ttl.unwrap_or(0),
            id: match entering.numbered {
                true => i64::try_from(hub.number()).unwrap_or(0),
                false => 0,
            },
            data: entering.grant.data.clone(),
            ..self.result(connection, &entering, subscribed)
        };
        let Some(subscription) = state.subscriptions.get_mut(entering.name) else {
            // It was given up, which whoever calls has looked for.
            return Err(errors::INTERNAL.into());
        };
        subscription.active = Some(Active {
            hub: Arc::clone(&hub),
            subscriber: Arc::clone(&subscriber),
            info,
            expire_at: entering.expire_at,
            renewed_by_plugin: entering.renewed_by_plugin,
            renewing: false,
            allow: entering.allow,
            _wish: self.wish(entering.name, &entering.place.source),
        });
        if let Some(ttl) = ttl {
            state.subscription_expires(self.over(ttl, entering.renewed_by_plugin));
        }
        self.counts.subscriptions.fetch_add(1, Ordering::Relaxed);
        let event_type = HostEventType::SessionSubscribed;
        let name = Some(entering.name);
        self.report(event_type, connection, &known.user, name, None);
        if entering.has_company() {
            self.follow_presence(&hub);
        }
        self.stir(&hub);
        Ok(Entered {
            hub,
            subscriber,
            result,
            brought,
        })
    }

    /// Seconds until then, at least one.
    ///
    /// # Errors
    /// [`errors::EXPIRED`] when it is over already.
    pub(super) fn ttl(&self, expire_at: Option<u64>) -> Result<Option<u32>, Refused> {
        let Some(expire_at) = expire_at else {
            return Ok(None);
        };
        let left = expire_at.saturating_mul(1000).saturating_sub(self.time());
        if left == 0 {
            return Err(errors::EXPIRED.into());
        }
        let seconds = u32::try_from(left.div_ceil(1000)).unwrap_or(u32::MAX);
        Ok(Some(seconds))
    }

    /// When what has so many seconds left is over for good, by the wheel.
    pub(super) fn after(&self, ttl: u32) -> u64 {
        let left = u64::from(ttl) * 1000 + EXPIRED_GRACE;
        self.wheel.now().saturating_add(left)
    }

    /// The same of what a plugin renews, which is asked as soon as it expires.
    pub(super) fn over(&self, ttl: u32, renewed_by_plugin: bool) -> u64 {
        match renewed_by_plugin {
            true => self.wheel.now().saturating_add(u64::from(ttl) * 1000),
            false => self.after(ttl),
        }
    }

    fn subscribe_to_hub(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        entering: &Entering<'_>,
        info: &Arc<ClientInfo>,
        hears: Option<Identity>,
    ) -> Result<(Arc<Hub>, Subscribed), Refused> {
        let options = &entering.options;
        let rejects = entering.rejects_unrecovered && entering.recovers.is_some();
        let namespace = &entering.place.namespace;
        let read = match &entering.place.source {
            Source::Log(log) => {
                let latest = namespace.auto_cache_recover;
                let position = LogPosition::of(log, *options, entering.recovers, latest);
                Some(position?)
            }
            Source::Publishers | Source::Bus(_) => None,
        };
        if rejects && read.as_ref().is_some_and(|read| !read.is_recovered) {
            return Err(errors::UNRECOVERABLE_POSITION.into());
        }
        let mut new = Some(NewSubscriber {
            client: Arc::clone(&connection.client),
            user: info.user.as_str().into(),
            member: (options.presence || options.join_leave).then(|| Member {
                info: Arc::clone(info),
                is_present: options.presence,
                is_told: options.join_leave,
            }),
            outbox: Arc::clone(&connection.outbox),
            form: Form {
                variant: connection.transport.variant,
                numbered: entering.numbered,
                delta: entering.delta,
            },
            join_leave: options.push_join_leave,
            positioned: options.positioned,
            filter: entering.filter.clone(),
            hears,
        });
        let begin = Begin {
            history: namespace.history_in_memory().filter(|_| options.positioned),
            wants: wants(entering),
            reads: read.as_ref().map(|read| read.reads),
        };
        let (random, now) = (self.environment.random(), self.wheel.now());
        let made = |hub: &Arc<Hub>| self.look_after(hub);
        let subscribe = |hub: &Arc<Hub>| {
            let admit = |recovered: &mut Recovered<StoredPublication>| {
                give_up_too_large(recovered, entering.room);
                recovered.recovered || !rejects
            };
            if let Some(settings) = begin.history
                && self.is_alone()
            {
                // Where there is no other node, a log begins here.
                self.on_log(hub, settings, |log, view, todo| log.want(view, todo))?;
            }
            let subscribed = hub.subscribe(&mut new, &begin, admit, random, now)?;
            Ok((Arc::clone(hub), subscribed))
        };
        let source = &entering.place.source;
        let entered = self
            .hubs
            .with(entering.name, namespace, source, made, subscribe);
        let (hub, subscribed) = entered.map_err(no_hub)?;
        match subscribed {
            Subscribing::Subscribed(subscribed) => {
                let subscribed = match read {
                    Some(read) => read.told(subscribed),
                    None => subscribed,
                };
                Ok((hub, subscribed))
            }
            Subscribing::NotAdmitted => {
                self.release(&hub);
                Err(errors::UNRECOVERABLE_POSITION.into())
            }
            // It was settled, and is not any more.
            Subscribing::Unsettled => {
                self.release(&hub);
                Err(errors::INTERNAL.into())
            }
        }
    }

    /// Has the wheel remind of a hub that was just made, and lets go what gave way to it.
    pub(super) fn look_after(&self, hub: &Arc<Hub>) {
        for gone in self.hubs.take_let_go() {
            self.let_go(&gone);
        }
        if let Some(due) = hub.stirred(self.wheel.now()).reminder {
            self.wheel.remind(due, Reminder::Hub(Arc::downgrade(hub)));
        }
    }

    /// What the client is told of its place in the channel.
    fn result(
        &self,
        connection: &Connection,
        entering: &Entering<'_>,
        subscribed: Subscribed,
    ) -> SubscribeResult {
        let encoding = connection.transport.variant.encoding;
        let (top, recovered) = (subscribed.top, subscribed.recovered);
        let recovered = recovered.filter(|_| entering.options.recoverable);
        let is_recovered = recovered.as_ref().is_some_and(|it| it.recovered);
        if entering.recovers.is_some() {
            let brought = match (&entering.place.source, entering.recovers) {
                // They are pushed.
                (Source::Log(_), Some((offset, _))) => top
                    .as_ref()
                    .filter(|_| is_recovered)
                    .map_or(0, |top| top.offset.saturating_sub(offset)),
                _ => recovered
                    .as_ref()
                    .map_or(0, |it| it.publications.len() as u64),
            };
            self.count_recovery(is_recovered, brought);
        }
        let top_offset = top.as_ref().map_or(0, |top| top.offset);
        let is_stream = entering.options.recovery_mode == RecoveryMode::Stream;
        let offset = match entering.recovers {
            // What comes now follows on where the client was.
            Some((offset, _)) if is_recovered && is_stream => offset,
            _ => top_offset,
        };
        let publications = recovered.map(|it| it.publications).unwrap_or_default();
        let publications = publications.iter().map(|(_, publication)| &**publication);
        let is_wanted = |publication: &&StoredPublication| {
            let filter = entering.filter.as_ref();
            filter.is_none_or(|filter| filter.matches(|key| publication.tag(key)))
        };
        SubscribeResult {
            recoverable: entering.options.recoverable,
            positioned: entering.options.positioned,
            epoch: top.map_or_else(String::new, |top| (*top.epoch).to_owned()),
            offset,
            publications: publications
                .filter(is_wanted)
                .map(|publication| shown(publication, encoding, entering.delta))
                .collect(),
            recovered: is_recovered,
            was_recovering: entering.recovers.is_some(),
            delta: entering.delta,
            ..SubscribeResult::default()
        }
    }
}

/// What the subscription wants of the history.
fn wants<'e>(entering: &Entering<'e>) -> Wants<'e> {
    let options = &entering.options;
    let is_cache = options.recovery_mode == RecoveryMode::Cache;
    match entering.recovers {
        _ if !options.recoverable => Wants::New,
        Some((offset, epoch)) if is_cache => Wants::Latest(offset, epoch),
        Some((offset, epoch)) => Wants::Since(offset, epoch, MAX_RECOVERED),
        None if is_cache && entering.place.namespace.auto_cache_recover => Wants::Latest(0, ""),
        None => Wants::New,
    }
}

/// What there is no room for in the answer is not brought: the session would be closed for being
/// slow, come back, and be closed again.
fn give_up_too_large(recovered: &mut Recovered<StoredPublication>, room: usize) {
    if bytes(recovered) > room {
        recovered.publications = Vec::new();
        recovered.recovered = false;
    }
}

/// Bytes of the publications, about.
fn bytes(recovered: &Recovered<StoredPublication>) -> usize {
    let publications = recovered.publications.iter();
    publications.map(|(_, one)| one.bytes()).sum()
}

/// A publication as a client gets it that has asked for it.
fn shown(publication: &StoredPublication, encoding: Encoding, delta: bool) -> Publication {
    match delta {
        true => full_of_deltas(publication, encoding),
        false => publication.of(encoding).clone(),
    }
}
