//! What the node does with sessions for others: operators, other servers, plugins.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use hearken_session_protocol::codes::{disconnects, errors};
use hearken_session_protocol::{
    ClientInfo, Disconnect, Encoding, Publication, Push, PushChannel, SubscribePosition,
    SubscribePush, SubscribeResult, Unsubscribe,
};

use super::connection::{Connection, Known, Phase};
use super::frame::Variant;
use super::grant::SubscriptionGrant;
use super::history::{HistoryError, PageRequest, Position};
use super::name::ChannelName;
use super::presence::PresenceStats;
use super::refused::{Refused, bad_request};
use super::server_side::ServerSide;
use super::sessions::Sessions;

/// Sessions that are looked at at once.
const TOGETHER: usize = 256;

/// Whose sessions something is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The session with this id.
    Client(String),
    /// All sessions of this user.
    User(String),
    /// All who are subscribed to this channel.
    Channel(ChannelName),
    /// All sessions of this node.
    Node,
}

/// What is shown of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionStatus {
    /// Its id.
    pub client: Arc<str>,
    /// Whose it is; empty for nobody.
    pub user: Arc<str>,
    /// What it is connected by.
    pub transport: &'static str,
    /// What its messages are written as.
    pub encoding: Encoding,
    /// Where it comes from.
    pub address: IpAddr,
    /// Name that its client gives itself.
    pub name: String,
    /// Version of that.
    pub version: String,
    /// When it connected, in milliseconds since the Unix epoch.
    pub since: u64,
    /// Bytes that it has yet to take.
    pub queued: usize,
    /// When it expires, in seconds since the Unix epoch.
    pub expire_at: Option<u64>,
    /// The channels that it is subscribed to, and whether the server made each subscription.
    pub channels: BTreeMap<ChannelName, bool>,
}

/// A part of a channel's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    /// The publications, in the order that was asked for.
    pub publications: Vec<Publication>,
    /// Where the history ends.
    pub top: Position,
}

/// How many there are, and what was counted since the node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionsStats {
    /// Sessions.
    pub sessions: usize,
    /// Users who have any; all sessions without one are one together.
    pub users: usize,
    /// Channels that are used or remembered.
    pub channels: usize,
    /// Sessions that have connected.
    pub connected: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Publications.
    pub published: u64,
    /// Subscriptions that came back and got all that they had missed.
    pub recovered: u64,
    /// Those that did not.
    pub unrecovered: u64,
    /// What was not handed to subscribers because more was published than could be.
    pub dropped: u64,
}

impl Sessions {
    /// Up to `limit` sessions behind the id `after`, in the order of their ids.
    #[must_use]
    pub fn list(&self, user: Option<&str>, after: &str, limit: usize) -> Vec<SessionStatus> {
        let listed = self.0.registry.list(user, after, limit);
        let shown = listed.iter().filter_map(|connection| status(connection));
        shown.collect()
    }

    /// The session with this id.
    #[must_use]
    pub fn show(&self, client: &str) -> Option<SessionStatus> {
        status(&*self.0.registry.get(client)?)
    }

    /// Closes sessions, but those with the ids in `spared`. Returns how many.
    pub fn disconnect(&self, whose: &Whose, why: &Disconnect, spared: &[String]) -> usize {
        self.each(whose, |connection, _| {
            let is_spared = spared.iter().any(|spared| **spared == *connection.client);
            if !is_spared {
                self.0.end(connection, Some(why.clone()));
            }
            !is_spared
        })
    }

    /// Subscribes sessions to a channel; those that are already stay as they are. Returns how
    /// many were.
    ///
    /// # Errors
    /// Why nobody can be.
    pub fn subscribe(
        &self,
        whose: &Whose,
        name: &ChannelName,
        grant: &SubscriptionGrant,
        expire_at: Option<u64>,
        position: Option<&SubscribePosition>,
    ) -> Result<usize, Refused> {
        let in_use = self.0.in_use();
        let namespace = self.0.namespace(&in_use, name)?;
        Ok(self.each(whose, |connection, known| {
            let side = ServerSide {
                name,
                namespace: &namespace,
                grant,
                expire_at,
                position,
            };
            self.subscribe_one(connection, known, side)
        }))
    }

    fn subscribe_one(
        &self,
        connection: &Arc<Connection>,
        known: &Known,
        side: ServerSide<'_>,
    ) -> bool {
        {
            let mut state = connection.lock();
            let limit = self.0.in_use().settings.channel_limit;
            if state.phase != Phase::Connected || state.subscriptions.len() >= limit {
                return false;
            }
            let entered = self
                .0
                .enter_server_side(connection, &mut state, known, side);
            let Ok((subscriber, result)) = entered else {
                return false;
            };
            let variant = connection.transport.variant;
            let channel = PushChannel::Name(side.name.as_str());
            let told = variant.push(channel, &Push::Subscribe(&push_of(&result)));
            connection.outbox.push(told);
            for publication in &result.publications {
                let push = Push::Publication(publication);
                connection.outbox.push(variant.push(channel, &push));
            }
            subscriber.open(None);
        }
        self.0.remind(connection);
        true
    }

    /// Ends subscriptions of sessions to a channel. Returns how many.
    pub fn unsubscribe(&self, whose: &Whose, name: &ChannelName, why: &Unsubscribe) -> usize {
        self.each(whose, |connection, _| {
            self.0.unsubscribe(connection, name, None, why)
        })
    }

    /// Puts off when sessions expire, in seconds since the Unix epoch; `None` for never.
    /// Those for which that is over are closed. Returns how many were found.
    pub fn refresh(&self, whose: &Whose, expire_at: Option<u64>) -> usize {
        self.each(whose, |connection, _| {
            let Ok(ttl) = self.0.ttl(expire_at) else {
                self.0.end(connection, Some(disconnects::EXPIRED));
                return true;
            };
            {
                let mut state = connection.lock();
                let Some(known) = &state.known else {
                    return false;
                };
                let known = Known {
                    expire_at,
                    ..Known::clone(known)
                };
                state.known = Some(Arc::new(known));
                state.timers.expiry = ttl.map(|ttl| self.0.after(ttl));
            }
            let push = Push::Refresh {
                expires: ttl.is_some(),
                ttl: ttl.unwrap_or(0),
            };
            let told = connection.transport.variant.push(PushChannel::None, &push);
            connection.outbox.push(told);
            self.0.remind(connection);
            true
        })
    }

    /// Sends a message to sessions, but not to those that are `excluded` by their ids. `data`
    /// is JSON; `binary` is what protobuf sessions get in its place, if that differs. Returns
    /// to how many.
    pub fn message(
        &self,
        whose: &Whose,
        data: &[u8],
        binary: Option<&[u8]>,
        excluded: &[String],
    ) -> usize {
        let mut framed: Vec<(_, Bytes)> = Vec::new();
        let mut frame = |variant: Variant| {
            if let Some((_, frame)) = framed.iter().find(|(known, _)| *known == variant) {
                return frame.clone();
            }
            let data = match variant.encoding {
                Encoding::Json => data,
                Encoding::Protobuf => binary.unwrap_or(data),
            };
            let frame = variant.push(PushChannel::None, &Push::Message { data });
            framed.push((variant, frame.clone()));
            frame
        };
        self.each(whose, |connection, _| {
            let is_excluded = excluded.iter().any(|client| **client == *connection.client);
            if !is_excluded {
                connection.outbox.push(frame(connection.transport.variant));
            }
            !is_excluded
        })
    }

    /// Who is subscribed to a channel, as JSON sessions are shown it.
    ///
    /// # Errors
    /// Why that is not known.
    pub fn presence(&self, name: &ChannelName) -> Result<Vec<Arc<ClientInfo>>, Refused> {
        self.check_presence(name)?;
        let hub = self.0.hubs.get(name);
        let clients = hub.map(|hub| {
            hub.with_presence(|presence| {
                let clients = presence.iter();
                clients.map(|(_, info)| Arc::clone(info)).collect()
            })
        });
        Ok(clients.unwrap_or_default())
    }

    /// How many are subscribed to a channel.
    ///
    /// # Errors
    /// Why that is not known.
    pub fn presence_stats(&self, name: &ChannelName) -> Result<PresenceStats, Refused> {
        self.check_presence(name)?;
        let hub = self.0.hubs.get(name);
        Ok(hub.map_or_else(PresenceStats::default, |hub| hub.presence_stats()))
    }

    fn check_presence(&self, name: &ChannelName) -> Result<(), Refused> {
        let namespace = self.0.namespace(&self.0.in_use(), name)?;
        match namespace.presence {
            true => Ok(()),
            false => Err(errors::NOT_AVAILABLE.into()),
        }
    }

    /// A part of a channel's history, as JSON sessions are shown it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn history(
        &self,
        name: &ChannelName,
        asked: &PageRequest<'_>,
    ) -> Result<HistoryPage, Refused> {
        let namespace = self.0.namespace(&self.0.in_use(), name)?;
        let page = self.0.page(name, &namespace, asked)?;
        let page = page.map_err(|error| match error {
            HistoryError::OtherEpoch => Refused::from(errors::UNRECOVERABLE_POSITION),
            HistoryError::BeforeFirst => bad_request(error).into(),
        })?;
        let publications = page.publications.iter();
        let publications = publications.map(|(_, it)| it.of(Encoding::Json).clone());
        Ok(HistoryPage {
            publications: publications.collect(),
            top: page.top,
        })
    }

    /// Drops what the history of a channel keeps; its position stays.
    ///
    /// # Errors
    /// Why it has none.
    pub fn remove_history(&self, name: &ChannelName) -> Result<(), Refused> {
        let namespace = self.0.namespace(&self.0.in_use(), name)?;
        if !namespace.has_history() {
            return Err(errors::NOT_AVAILABLE.into());
        }
        if let Some(hub) = self.0.hubs.get(name) {
            hub.remove_history();
        }
        Ok(())
    }

    /// Up to `limit` channels with subscribers behind the name `after`, in the order of their
    /// names, and how many subscribers each has.
    #[must_use]
    pub fn channels(&self, after: &str, limit: usize) -> Vec<(ChannelName, usize)> {
        let hubs = self.0.hubs.list(after, limit);
        let named = hubs
            .iter()
            .map(|hub| (hub.name().clone(), hub.subscribers()));
        named.collect()
    }

    /// How many there are.
    #[must_use]
    pub fn stats(&self) -> SessionsStats {
        let counts = &self.0.counts;
        let count = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        SessionsStats {
            sessions: self.0.registry.sessions(),
            users: self.0.registry.users(),
            channels: self.0.hubs.len(),
            connected: count(&counts.connected),
            refused: count(&counts.refused),
            published: count(&counts.published),
            recovered: count(&counts.recovered),
            unrecovered: count(&counts.unrecovered),
            dropped: count(&counts.dropped),
        }
    }

    /// Does something with each session that is meant. Returns how many `work` says it has
    /// done it with.
    fn each(&self, whose: &Whose, mut work: impl FnMut(&Arc<Connection>, &Known) -> bool) -> usize {
        let mut count = 0;
        let mut one = |connection: &Arc<Connection>| {
            if let Some(known) = connection.known() {
                count += usize::from(work(connection, &known));
            }
        };
        let registry = &self.0.registry;
        let user = match whose {
            Whose::Client(client) => {
                if let Some(connection) = registry.get(client) {
                    one(&connection);
                }
                return count;
            }
            Whose::Channel(name) => {
                let hub = self.0.hubs.get(name);
                for client in hub.map(|hub| hub.clients()).unwrap_or_default() {
                    if let Some(connection) = registry.get(&client) {
                        one(&connection);
                    }
                }
                return count;
            }
            Whose::User(user) => Some(user.as_str()),
            Whose::Node => None,
        };
        let mut after = String::new();
        loop {
            let some = registry.list(user, &after, TOGETHER);
            let Some(last) = some.last() else {
                return count;
            };
            after = (*last.client).to_owned();
            for connection in &some {
                one(connection);
            }
        }
    }
}

/// What is shown of a session, while it is connected.
fn status(connection: &Connection) -> Option<SessionStatus> {
    let (known, channels) = {
        let state = connection.lock();
        let subscriptions = state.subscriptions.iter();
        let active = subscriptions.filter(|(_, subscription)| subscription.active.is_some());
        let channels =
            active.map(|(name, subscription)| (name.clone(), subscription.is_server_side));
        (state.known.clone()?, channels.collect())
    };
    Some(SessionStatus {
        client: Arc::clone(&connection.client),
        user: Arc::clone(&known.user),
        transport: connection.transport.name,
        encoding: connection.transport.variant.encoding,
        address: connection.transport.address,
        name: known.name.clone(),
        version: known.version.clone(),
        since: known.since,
        queued: connection.outbox.bytes(),
        expire_at: known.expire_at,
        channels,
    })
}

/// What a client is told of a subscription that it did not ask for.
fn push_of(result: &SubscribeResult) -> SubscribePush {
    SubscribePush {
        recoverable: result.recoverable,
        epoch: result.epoch.clone(),
        offset: result.offset,
        positioned: result.positioned,
        data: result.data.clone(),
    }
}
