//! What the node does with sessions for others: operators, other servers, plugins.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use hearken_session_protocol::codes::disconnects;
use hearken_session_protocol::{
    Disconnect, Encoding, Push, PushChannel, SubscribePosition, SubscribePush, SubscribeResult,
    Unsubscribe,
};
use tokio::time::Instant;

use super::across::{Needs, SETTLED_WITHIN};
use super::connection::{Connection, Known, Phase};
use super::entering::Entered;
use super::frame::Variant;
use super::grant::SubscriptionGrant;
use super::name::ChannelName;
use super::refused::Refused;
use super::registry::Began;
use super::server_side::ServerSide;
use super::sessions::Sessions;

/// Sessions that are looked at at once.
const BATCH: usize = 256;

/// Whose sessions something is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The session with this id.
    Client(String),
    /// The session with this id, if it is this user's.
    ClientOf {
        /// Its id.
        client: String,
        /// The user.
        user: String,
    },
    /// All sessions of this user.
    User(String),
    /// All who are subscribed to this channel.
    Channel(ChannelName),
    /// All sessions of this node.
    Node,
    /// All sessions of the node of this name.
    NodeOf(String),
    /// All sessions of all nodes.
    All,
}

/// Whose sessions are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spared {
    /// Those with these ids.
    pub clients: Vec<String>,
    /// All sessions of this user.
    pub user: Option<String>,
    /// Those that have begun later.
    pub since: Option<Began>,
}

/// The same, looked up for each session that is meant, of which a user may have many.
struct SparedOf<'s> {
    clients: HashSet<&'s str>,
    user: Option<&'s str>,
    since: Option<&'s Began>,
}

impl Sessions {
    /// Closes sessions of this node, but those that are `spared`. Returns how many.
    pub fn disconnect(&self, whose: &Whose, why: &Disconnect, spared: &Spared) -> usize {
        if let Some(since) = &spared.since {
            // Before they are looked at, so that none is passed over that began before.
            self.0.registry.note(since);
        }
        let spared = spared.looked_up();
        self.each(whose, |connection, known| {
            let is_spared = spared.has(&connection.client, known);
            if !is_spared {
                self.0.end(connection, Some(why.clone()));
            }
            !is_spared
        })
    }

    /// Subscribes sessions of this node to a channel; those that are already stay as they are.
    /// Returns how many were.
    ///
    /// # Errors
    /// Why nobody can be.
    pub async fn subscribe(
        &self,
        whose: &Whose,
        name: &ChannelName,
        grant: &SubscriptionGrant,
        expire_at: Option<u64>,
        position: Option<&SubscribePosition>,
    ) -> Result<usize, Refused> {
        let in_use = self.0.in_use();
        let place = self.0.place(&in_use, name).await?;
        let soon = || Instant::now() + SETTLED_WITHIN;
        let _foretold = self.0.foretell(name, &place, soon()).await;
        let needs = Needs::of(position);
        self.0.settle_place(name, &place, needs, soon()).await?;
        Ok(self.each(whose, |connection, known| {
            let side = ServerSide {
                name,
                place: &place,
                grant,
                expire_at,
                position,
                room: connection.outbox.room_to_recover(),
            };
            self.subscribe_one(connection, known, side, in_use.settings.channel_limit)
        }))
    }

    fn subscribe_one(
        &self,
        connection: &Arc<Connection>,
        known: &Known,
        side: ServerSide<'_>,
        limit: usize,
    ) -> bool {
        {
            let mut state = connection.lock();
            if state.phase != Phase::Connected || state.subscriptions.len() >= limit {
                return false;
            }
            let entered = self
                .0
                .enter_server_side(connection, &mut state, known, side);
            let Ok(Entered {
                hub,
                subscriber,
                result,
                ..
            }) = entered
            else {
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
            self.0.open(&hub, &subscriber, None);
        }
        self.0.remind(connection);
        true
    }

    /// Ends subscriptions of sessions of this node to a channel. Returns how many.
    pub fn unsubscribe(&self, whose: &Whose, name: &ChannelName, why: &Unsubscribe) -> usize {
        self.each(whose, |connection, _| {
            self.0.unsubscribe(connection, name, None, why)
        })
    }

    /// Puts off when sessions of this node expire, in seconds since the Unix epoch; `None` for
    /// never. Those for which that is over are closed. Returns how many were found.
    pub fn refresh(&self, whose: &Whose, expire_at: Option<u64>) -> usize {
        let ttl = self.0.ttl(expire_at);
        self.each(whose, |connection, _| {
            let Ok(ttl) = ttl else {
                self.0.end(connection, Some(disconnects::EXPIRED));
                return true;
            };
            let told_ttl;
            {
                let mut state = connection.lock();
                let Some(known) = &state.known else {
                    return false;
                };
                let known = Known {
                    expire_at,
                    ..Known::clone(known)
                };
                told_ttl = ttl.filter(|_| !known.renewed_by_plugin);
                state.timers.expiry = ttl.map(|ttl| self.0.over(ttl, known.renewed_by_plugin));
                state.known = Some(Arc::new(known));
                state.renewing = false;
            }
            let push = Push::Refresh {
                expires: told_ttl.is_some(),
                ttl: told_ttl.unwrap_or(0),
            };
            let told = connection.transport.variant.push(PushChannel::None, &push);
            connection.outbox.push(told);
            self.0.remind(connection);
            true
        })
    }

    /// Sends a message to sessions of this node, but not to those that are `excluded`. `data` is
    /// JSON; `binary` is what protobuf sessions get in its place, if that differs. Returns to how
    /// many.
    pub fn message(
        &self,
        whose: &Whose,
        data: &[u8],
        binary: Option<&[u8]>,
        excluded: &Spared,
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
        let excluded = excluded.looked_up();
        self.each(whose, |connection, known| {
            let is_excluded = excluded.has(&connection.client, known);
            if !is_excluded {
                connection.outbox.push(frame(connection.transport.variant));
            }
            !is_excluded
        })
    }

    /// Does something with each session of this node that is meant. Returns how many `work`
    /// says it has done it with.
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
            Whose::ClientOf { client, user } => {
                let connection = registry.get(client);
                let is_theirs = |connection: &Arc<Connection>| {
                    connection
                        .known()
                        .is_some_and(|known| *known.user == **user)
                };
                if let Some(connection) = connection.filter(is_theirs) {
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
            Whose::NodeOf(node) if **node != **self.0.bus.node() => return 0,
            Whose::Node | Whose::NodeOf(_) | Whose::All => None,
        };
        let mut after = String::new();
        loop {
            let some = registry.list(user, &after, BATCH);
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

impl Spared {
    /// One session.
    #[must_use]
    pub fn client(client: String) -> Self {
        Self {
            clients: vec![client],
            ..Self::default()
        }
    }

    /// All sessions of a user.
    #[must_use]
    pub fn user(user: String) -> Self {
        Self {
            user: Some(user),
            ..Self::default()
        }
    }

    fn looked_up(&self) -> SparedOf<'_> {
        SparedOf {
            clients: self.clients.iter().map(String::as_str).collect(),
            user: self.user.as_deref(),
            since: self.since.as_ref(),
        }
    }
}

impl SparedOf<'_> {
    fn has(&self, client: &str, known: &Known) -> bool {
        let is_later = self
            .since
            .is_some_and(|since| known.began.as_ref() > Some(since));
        is_later || self.clients.contains(client) || self.user == Some(&*known.user)
    }
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
