//! Finding out who somebody is, and connecting them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::future::join_all;
use hearken_session_protocol::codes::{Disconnect, disconnects, errors};
use hearken_session_protocol::{ConnectRequest, ConnectResult};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::access::Unauthenticated;
use crate::event::host_event::HostEventType;
use crate::session::across::{Needs, SETTLED_WITHIN, SessionAct};
use crate::session::claims::ConnectionClaims;
use crate::session::connection::{Known, Phase};
use crate::session::grant::SubscriptionGrant;
use crate::session::handle::Session;
use crate::session::hooks::{ConnectAsked, in_time};
use crate::session::in_use::InUse;
use crate::session::name::ChannelName;
use crate::session::place::Place;
use crate::session::refused::{Refused, bad_request};
use crate::session::server::Whose;
use crate::session::server_side::ServerSide;
use crate::session::sessions::Sessions;
use crate::session::settings::SessionsSettings;
use crate::session::wheel::millis;

/// What the node calls itself.
pub(in crate::session) const VERSION: &str = concat!("hearken ", env!("CARGO_PKG_VERSION"));

/// Longest name and version of a client that are kept, in bytes.
const MAX_NAME: usize = 64;

/// Who connects, and with what.
struct Connecting {
    known: Known,
    subs: BTreeMap<ChannelName, SubscriptionGrant>,
    /// What the client gets with the answer.
    data: Option<Bytes>,
}

/// What a connection token says.
pub(in crate::session) struct Shown {
    pub(in crate::session) claims: ConnectionClaims,
    pub(in crate::session) roles: Vec<String>,
    /// The claims as they stand in it.
    all: Map<String, Value>,
}

impl Session {
    /// Connects it; it is answered if that succeeds.
    pub(in crate::session) async fn connect(
        &self,
        id: u32,
        request: ConnectRequest,
    ) -> Result<(), Refused> {
        {
            let mut state = self.connection.lock();
            if state.phase != Phase::New {
                return Err(disconnects::BAD_REQUEST.into());
            }
            state.phase = Phase::Connecting;
        }
        let connected = self.connect_as_told(id, &request).await;
        if connected.is_err() {
            self.shared.counts.refused.fetch_add(1, Ordering::Relaxed);
            let mut state = self.connection.lock();
            if state.phase == Phase::Connecting {
                state.phase = Phase::Unusable;
            }
        }
        connected
    }

    async fn connect_as_told(&self, id: u32, request: &ConnectRequest) -> Result<(), Refused> {
        let in_use = self.shared.in_use();
        if !self.shared.may_connect(in_use.settings.connect_rate) {
            return Err(errors::TOO_MANY_REQUESTS.into());
        }
        let mut connecting = self.identify(&in_use, request).await?;
        let user = Arc::clone(&connecting.known.user);
        let subs = std::mem::take(&mut connecting.subs);
        if subs.len() > in_use.settings.channel_limit {
            return Err(disconnects::CHANNEL_LIMIT.into());
        }
        let subs = self.places(&in_use, subs).await?;
        let soon = || Instant::now() + SETTLED_WITHIN;
        let known = subs.iter();
        let known = known.map(|(name, place, _)| self.shared.foretell(name, place, soon()));
        // Together, as many as they are.
        let _foretold = join_all(known).await;
        let deadline = soon();
        let settled = subs.iter().map(|(name, place, _)| {
            let needs = Needs::of(request.subs.get(name.as_str()));
            self.shared.settle_place(name, place, needs, deadline)
        });
        for settled in join_all(settled).await {
            settled?;
        }
        self.begin(id, &in_use, request, connecting, subs)?;
        self.shared.remind(&self.connection);
        if in_use.settings.single_connection && !user.is_empty() {
            self.end_others(&user);
        }
        Ok(())
    }

    /// Who it is: by its token, by what the plugin says that decides who connects, or nobody
    /// where that is allowed.
    async fn identify(
        &self,
        in_use: &InUse,
        request: &ConnectRequest,
    ) -> Result<Connecting, Refused> {
        let settings = &in_use.settings;
        let (verified, roles) = match (&*request.token, &settings.token, &settings.connect) {
            ("", _, None) if !settings.anonymous => {
                return Err(disconnects::BAD_REQUEST.into());
            }
            // Nobody until the plugin says otherwise.
            ("", _, _) => (None, Vec::new()),
            // What only the plugin can read it is handed on.
            (_, None, Some(_)) => (None, Vec::new()),
            (_, None, None) => return Err(disconnects::INVALID_TOKEN.into()),
            (token, Some(issuer), _) => {
                let shown = self.claims(issuer, token).await?;
                (Some((shown.claims, shown.all)), shown.roles)
            }
        };
        let has_token = verified.is_some();
        let (claims, all_claims) = verified.unwrap_or_default();
        let token_channels: BTreeSet<String> = claims.subs.keys().cloned().collect();
        let mut subs = claims.subs;
        let token_user: Arc<str> = claims.user.into();
        let mut known = Known {
            user: Arc::clone(&token_user),
            identity: self.shared.access.anonymous(),
            capabilities: claims.capabilities,
            info: claims.info,
            meta: claims.meta,
            expire_at: claims.expire_at,
            renewed_by_plugin: request.token.is_empty() && settings.refresh.is_some(),
            token_user,
            meta_of_plugin: false,
            token_channels,
            name: shortened(&request.name),
            version: shortened(&request.version),
            since: self.shared.time(),
            began: None,
        };
        let mut data = None;
        if let Some(plugin) = &settings.connect {
            let variant = self.connection.transport.variant;
            let asked = ConnectAsked {
                session: self.about(&known),
                claims: has_token.then_some(&all_claims),
                token: (!has_token && !request.token.is_empty()).then_some(&*request.token),
                transport: variant.framing.transport(),
                encoding: variant.encoding,
                name: &known.name,
                version: &known.version,
                data: &request.data,
                headers: &self.connection.transport.headers,
                address: self.connection.transport.address,
            };
            let answer = self.shared.hooks.connect(plugin, asked);
            let answer = in_time(answer, disconnects::SERVER_ERROR).await?;
            // Who decides has to say so.
            let answer = answer.ok_or(disconnects::PERMISSION_DENIED)?;
            known.user = answer.user.map_or(known.user, Into::into);
            known.expire_at = answer.expire_at.or(known.expire_at);
            known.info = answer.info.or(known.info);
            known.meta_of_plugin = answer.meta.is_some();
            known.meta = answer.meta.or(known.meta);
            data = answer.data;
            subs.extend(answer.subs);
        }
        if has_token {
            known.identity = self.shared.access.identity_of(&known.user, &roles);
        } else if !known.user.is_empty() {
            // A plugin gives a name. What the bearer may is what it may that has no token.
            let roles = known.identity.roles();
            known.identity = self.shared.access.identity_of(&known.user, roles);
        }
        let mut named = BTreeMap::new();
        for (name, grant) in subs {
            let name = ChannelName::new(&name).map_err(bad_request)?;
            named.insert(name, grant);
        }
        if settings.personal_channel
            && let Some(own) = settings.personal_channel_of(&known.user)
        {
            named.entry(own).or_default();
        }
        Ok(Connecting {
            known,
            subs: named,
            data,
        })
    }

    /// What a connection token says.
    pub(in crate::session) async fn claims(
        &self,
        issuer: &str,
        token: &str,
    ) -> Result<Shown, Refused> {
        let verified = self.shared.access.verify(issuer, token).await;
        let verified = verified.map_err(|error| match error {
            Unauthenticated::TokenExpired => Refused::from(errors::TOKEN_EXPIRED),
            Unauthenticated::KeysUnavailable => errors::INTERNAL.into(),
            _ => disconnects::INVALID_TOKEN.into(),
        })?;
        let claims = ConnectionClaims::read(&verified.claims);
        let claims = claims.map_err(|_| Refused::from(disconnects::INVALID_TOKEN))?;
        Ok(Shown {
            claims,
            roles: verified.roles,
            all: verified.claims,
        })
    }

    /// Enters the session and what it is subscribed to, and answers.
    fn begin(
        &self,
        id: u32,
        in_use: &InUse,
        request: &ConnectRequest,
        connecting: Connecting,
        subs: Vec<(ChannelName, Place, SubscriptionGrant)>,
    ) -> Result<(), Refused> {
        let Connecting { known, data, .. } = connecting;
        let settings = &in_use.settings;
        let ttl = self.shared.ttl(known.expire_at)?;
        let (told_ttl, renewed) = (
            ttl.filter(|_| !known.renewed_by_plugin),
            known.renewed_by_plugin,
        );
        let connection = &self.connection;
        let mut state = connection.lock();
        if state.phase != Phase::Connecting {
            // The connection is gone.
            return Ok(());
        }
        let entered = self.shared.registry.enter(
            &connection.client,
            &known.user,
            Arc::clone(connection),
            &in_use.bounds,
            self.shared.time(),
        );
        let Ok(began) = entered else {
            return Err(disconnects::CONNECTION_LIMIT.into());
        };
        let known = Arc::new(Known {
            began: Some(began),
            ..known
        });
        // Who is entered before is closed with the others; who is behind would be missed.
        if self.shared.tasks.are_closing() {
            let registry = &self.shared.registry;
            registry.leave(&connection.client, &known.user);
            return Err(disconnects::SHUTDOWN.into());
        }
        state.known = Some(Arc::clone(&known));
        let counts = &self.shared.counts;
        counts.begun(connection.transport.variant.framing);
        let event_type = HostEventType::SessionConnected;
        self.shared
            .report(event_type, connection, &known.user, None, None);
        let mut subscribed = Vec::new();
        let mut result = ConnectResult {
            client: (*connection.client).to_owned(),
            version: VERSION.to_owned(),
            expires: told_ttl.is_some(),
            ttl: told_ttl.unwrap_or(0),
            data,
            session: connection.secret.as_deref().unwrap_or_default().to_owned(),
            ..ConnectResult::default()
        };
        if connection.secret.is_some() {
            result.node = (**self.shared.bus.node()).to_owned();
        }
        let mut room = connection.outbox.room_to_recover();
        for (name, place, grant) in &subs {
            let position = request.subs.get(name.as_str());
            let side = ServerSide {
                name,
                place,
                grant,
                expire_at: None,
                position,
                room,
            };
            let entered = self
                .shared
                .enter_server_side(connection, &mut state, &known, side);
            // What has begun is undone when the session ends.
            let entered = entered.map_err(|_| disconnects::SERVER_ERROR)?;
            room = room.saturating_sub(entered.brought);
            subscribed.push((entered.hub, entered.subscriber));
            result.subs.insert(name.to_string(), entered.result);
        }
        let now = self.shared.wheel.now();
        if connection.transport.pings {
            let interval = millis(settings.ping_interval);
            result.ping = u32::try_from(settings.ping_interval.as_secs()).unwrap_or(u32::MAX);
            result.pong = !connection.transport.only_listens();
            // Sessions that come together are not pinged together.
            let half = interval / 2;
            let jitter = self.shared.environment.random() % half.max(1);
            state.timers.ping = Some(now + half + jitter);
        }
        let reply = self.connect_reply(id, result);
        if !connection.outbox.takes(reply.len()) {
            self.tell_too_large(settings, reply.len());
            return Err(too_large().into());
        }
        state.phase = Phase::Connected;
        state.timers.stale = None;
        state.timers.expiry = ttl.map(|ttl| self.shared.over(ttl, renewed));
        self.shared.counts.connected.fetch_add(1, Ordering::Relaxed);
        connection.outbox.push(reply);
        for (hub, subscriber) in &subscribed {
            self.shared.open(hub, subscriber, None);
        }
        Ok(())
    }

    /// Says that nobody can be connected with such an answer, and who makes it.
    fn tell_too_large(&self, settings: &SessionsSettings, bytes: usize) {
        if !self.shared.too_large.may() {
            return;
        }
        let limit = self.connection.outbox.limit();
        let plugin = settings.connect.as_deref();
        tracing::error!(
            plugin,
            bytes,
            limit,
            "a session is closed for good: what it is answered when it connects does not fit into \
             `sessions.queue_max_size`; the `connect` plugin, if there is one, or the token has \
             to give it less data or fewer channels"
        );
    }

    /// What the channels are that it is to be subscribed to.
    async fn places(
        &self,
        in_use: &InUse,
        subs: BTreeMap<ChannelName, SubscriptionGrant>,
    ) -> Result<Vec<(ChannelName, Place, SubscriptionGrant)>, Refused> {
        let found = subs.keys().map(|name| self.shared.place(in_use, name));
        // Together, as many as lie on nodes that do not answer.
        let found = join_all(found).await;
        let found = subs.into_iter().zip(found);
        let placed = found.map(|((name, grant), place)| Ok((name, place?, grant)));
        placed.collect()
    }

    /// Ends the other sessions of its user, but those that have begun later: of several that
    /// begin on several nodes at once, the same one stays for all.
    fn end_others(&self, user: &str) {
        let known = self.connection.known();
        // It may have ended meanwhile.
        if let Some(began) = known.and_then(|known| known.began.clone()) {
            let whose = Whose::User(user.to_owned());
            let act = SessionAct::end_earlier(began);
            Sessions(Arc::clone(&self.shared)).act_unheard(&whose, &act);
        }
    }
}

/// What a session is closed with for whose answer its queue has no room: it would be the same
/// each time that it came back.
fn too_large() -> Disconnect {
    Disconnect {
        reason: Cow::Borrowed("the answer to connect is larger than the queue"),
        ..disconnects::NOT_AVAILABLE
    }
}

/// A name or a version that a client gives itself, as far as it is kept.
fn shortened(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_NAME)].to_owned()
}
