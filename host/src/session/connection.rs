//! One session: who it is, what it is subscribed to and when it is looked after.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use foldhash::fast::RandomState;
use hearken_session_protocol::{ClientInfo, Disconnect};
use serde_json::Value;

use super::across::Wish;
use super::capabilities::Capabilities;
use super::frame::Variant;
use super::hub::{Hub, Subscriber};
use super::lateness::Lateness;
use super::name::ChannelName;
use super::outbox::Outbox;
use super::pace::Pace;
use super::registry::Began;
use super::source::Source;
use super::verb::Verbs;
use crate::access::Identity;
use crate::bus::Publisher;

/// How a session came, which stays as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Transport {
    /// How messages look on it.
    pub variant: Variant,
    /// Where it comes from.
    pub address: IpAddr,
    /// Those headers of its request that plugins may see.
    pub headers: Vec<(String, String)>,
    /// Whether it is asked by messages of the protocol if it is still there; otherwise the
    /// transport does that.
    pub pings: bool,
    /// Whether its commands come in requests of their own, so that it needs a secret by which
    /// these are known to be its.
    pub has_secret: bool,
}

impl Transport {
    /// Whether its client only listens.
    pub(super) fn only_listens(&self) -> bool {
        self.variant.framing.is_bare()
    }
}

/// A session.
pub(super) struct Connection {
    /// Its id.
    pub(super) client: Arc<str>,
    /// By which its commands are known where they come apart; shown to nobody else.
    pub(super) secret: Option<Box<str>>,
    pub(super) transport: Transport,
    pub(super) outbox: Arc<Outbox>,
    /// Until when a command of it took long, in milliseconds of the node's wheel; the largest
    /// number while one is carried out. What comes behind that is not read meanwhile.
    pub(super) waited: AtomicU64,
    state: Mutex<State>,
}

/// What changes of a session.
pub(super) struct State {
    pub(super) phase: Phase,
    /// Who it is, once it is connected.
    pub(super) known: Option<Arc<Known>>,
    pub(super) subscriptions: HashMap<ChannelName, Subscription, RandomState>,
    /// Number of the last subscription that was begun.
    pub(super) last: u64,
    pub(super) timers: Timers,
    /// Whether a plugin is being asked for how long it goes on.
    pub(super) renewing: bool,
    /// How fast its commands come.
    pub(super) pace: Pace,
    pub(super) lateness: Lateness,
    /// How many of them in a row came too fast.
    pub(super) too_fast: u32,
    /// Publishes for it; made when it first does.
    pub(super) publisher: Option<Arc<Publisher>>,
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has said nothing yet.
    New,
    /// It is found out who it is.
    Connecting,
    Connected,
    /// It could not be connected, and is to go.
    Unusable,
    Ended,
}

/// Who a session is.
#[derive(Clone)]
pub(super) struct Known {
    /// Empty for nobody.
    pub(super) user: Arc<str>,
    /// What it may.
    pub(super) identity: Identity,
    pub(super) capabilities: Capabilities,
    /// What others are shown of it.
    pub(super) info: Option<Bytes>,
    /// What plugins are shown of it.
    pub(super) meta: Option<Value>,
    /// When it expires, in seconds since the Unix epoch.
    pub(super) expire_at: Option<u64>,
    /// Whether a plugin is asked then for how long it goes on, and not the client for a token.
    pub(super) renewed_by_plugin: bool,
    /// Whose its token says that it is; a plugin may have said otherwise.
    pub(super) token_user: Arc<str>,
    /// Whether `meta` is a plugin's, and not of its token.
    pub(super) meta_of_plugin: bool,
    /// The channels that its token says it is subscribed to.
    pub(super) token_channels: BTreeSet<String>,
    /// Name and version that the client gives itself.
    pub(super) name: String,
    pub(super) version: String,
    /// When it connected, in milliseconds since the Unix epoch.
    pub(super) since: u64,
    /// The same in the order of all nodes, once it is connected.
    pub(super) began: Option<Began>,
}

/// A channel that a session is subscribed to, or is about to be.
pub(super) struct Subscription {
    /// Unlike that of every other of the session: who began it knows it by that.
    pub(super) number: u64,
    /// Whether the server made it.
    pub(super) is_server_side: bool,
    /// `None` while it is found out whether it may be.
    pub(super) active: Option<Active>,
}

/// What a session is subscribed by.
pub(super) struct Active {
    pub(super) hub: Arc<Hub>,
    pub(super) subscriber: Arc<Subscriber>,
    /// What others are shown of it.
    pub(super) info: Arc<ClientInfo>,
    /// When it expires, in seconds since the Unix epoch.
    pub(super) expire_at: Option<u64>,
    /// Whether a plugin is asked then for how long it goes on.
    pub(super) renewed_by_plugin: bool,
    /// Whether one is being asked.
    pub(super) renewing: bool,
    /// What else its token allows.
    pub(super) allow: Verbs,
    /// That other nodes send this one what is published to the channel.
    pub(super) _wish: Option<Wish>,
}

/// When a session is looked after, in milliseconds of the node's wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timers {
    /// Until when it has to connect.
    pub(super) stale: Option<u64>,
    /// When it is pinged next.
    pub(super) ping: Option<u64>,
    /// Until when it has to answer the last ping.
    pub(super) pong: Option<u64>,
    /// Bytes that its transport had taken when that was set.
    pub(super) taken: u64,
    /// When it is over unless it was refreshed.
    pub(super) expiry: Option<u64>,
    /// When the first of its subscriptions is.
    pub(super) subscription_expiry: Option<u64>,
    /// When the wheel reminds of it.
    pub(super) reminded: u64,
}

/// What a session leaves behind.
pub(super) struct Ended {
    pub(super) known: Option<Arc<Known>>,
    pub(super) subscriptions: Vec<(ChannelName, Active)>,
}

impl Active {
    /// Others are shown this of it from now on; `None` for what they were.
    pub(super) fn show(&mut self, info: Option<Bytes>) {
        if info.is_some() {
            self.info = Arc::new(ClientInfo {
                chan_info: info,
                ..ClientInfo::clone(&self.info)
            });
        }
    }
}

impl Connection {
    pub(super) fn new(
        client: Arc<str>,
        secret: Option<Box<str>>,
        transport: Transport,
        outbox: Arc<Outbox>,
        stale: u64,
    ) -> Self {
        Self {
            client,
            secret,
            transport,
            outbox,
            waited: AtomicU64::new(0),
            state: Mutex::new(State {
                phase: Phase::New,
                known: None,
                subscriptions: HashMap::default(),
                last: 0,
                timers: Timers {
                    stale: Some(stale),
                    ping: None,
                    pong: None,
                    taken: 0,
                    expiry: None,
                    subscription_expiry: None,
                    reminded: u64::MAX,
                },
                renewing: false,
                pace: Pace::default(),
                lateness: Lateness::default(),
                too_fast: 0,
                publisher: None,
            }),
        }
    }

    /// Its state. Who holds it may take the lock of a hub, of all hubs or of the registry, and
    /// not the other way round.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that panics leaves anything half done in it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who it is, if it is connected.
    pub(super) fn known(&self) -> Option<Arc<Known>> {
        self.lock().known.clone()
    }

    /// Ends it: what it leaves behind, if it had not ended.
    pub(super) fn finish(&self) -> Option<Ended> {
        let mut state = self.lock();
        if state.phase == Phase::Ended {
            return None;
        }
        state.phase = Phase::Ended;
        state.publisher = None;
        let subscriptions = std::mem::take(&mut state.subscriptions);
        let active = subscriptions
            .into_iter()
            .filter_map(|(name, subscription)| Some((name, subscription.active?)));
        let mut active: Vec<_> = active.collect();
        // In no random order, so that a simulation repeats.
        active.sort_by(|(one, _), (other, _)| one.cmp(other));
        Some(Ended {
            known: state.known.take(),
            subscriptions: active,
        })
    }

    /// What the connection was closed with, if the node closed it.
    pub(super) fn end(&self) -> Option<Disconnect> {
        self.outbox.ended()
    }
}

impl State {
    /// Whether it is subscribed to the channel.
    pub(super) fn active(&self, channel: &ChannelName) -> Option<&Active> {
        self.subscriptions.get(channel)?.active.as_ref()
    }

    /// The channels that it is subscribed to of which its rights say what it gets, and whether
    /// the server made each subscription.
    pub(super) fn watched(&self) -> Vec<(ChannelName, bool)> {
        let is_watched = |active: &Active| matches!(active.hub.source(), Source::Bus(_));
        let subscriptions = self.subscriptions.iter();
        let watched = subscriptions
            .filter(|(_, subscription)| subscription.active.as_ref().is_some_and(is_watched));
        let named = watched.map(|(name, it)| (name.clone(), it.is_server_side));
        named.collect()
    }

    /// Enters that it is about to be subscribed to the channel, under the number that is
    /// returned.
    pub(super) fn begin(&mut self, channel: &ChannelName, is_server_side: bool) -> u64 {
        self.last += 1;
        let begun = Subscription {
            number: self.last,
            is_server_side,
            active: None,
        };
        self.subscriptions.insert(channel.clone(), begun);
        self.last
    }

    /// One of its subscriptions is over then, unless it is refreshed.
    pub(super) fn subscription_expires(&mut self, due: u64) {
        let earliest = self.timers.subscription_expiry.unwrap_or(u64::MAX);
        self.timers.subscription_expiry = Some(earliest.min(due));
    }

    /// When it is to be looked after next.
    pub(super) fn due(&self) -> Option<u64> {
        let Timers {
            stale,
            ping,
            pong,
            expiry,
            subscription_expiry,
            ..
        } = self.timers;
        let all = [stale, ping, pong, expiry, subscription_expiry];
        all.into_iter().flatten().min()
    }
}

impl fmt::Debug for Transport {
    /// Headers may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("variant", &self.variant)
            .field("address", &self.address)
            .field("pings", &self.pings)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("client", &self.client)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
