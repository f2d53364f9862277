//! What the node shows of sessions and their channels to others: operators, other servers,
//! plugins.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hearken_session_protocol::codes::errors;
use hearken_session_protocol::{ClientInfo, Encoding, Publication};

use super::across::AcrossShown;
use super::connection::Connection;
use super::counts::CountsShown;
use super::history::{PageRequest, Position};
use super::hub::Hub;
use super::name::ChannelName;
use super::presence::PresenceStats;
use super::refused::Refused;
use super::sessions::Sessions;
use super::shared::Shared;
use crate::mesh::PeerNode;

/// Bytes of publications of a durable channel in one answer, about.
const MAX_HISTORY_READ: usize = 4 << 20;

/// What is shown of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionStatus {
    /// Its id.
    pub client: Arc<str>,
    /// The node that has it.
    pub node: Arc<str>,
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
    /// What there is with the sessions of other nodes.
    pub across: AcrossShown,
}

/// How much channels are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelsUsed {
    /// Channels that have subscribers.
    pub channels: usize,
    /// Subscriptions to them.
    pub subscriptions: usize,
}

impl Sessions {
    /// Up to `limit` sessions of this node behind the id `after`, in the order of their ids.
    #[must_use]
    pub fn list(&self, user: Option<&str>, after: &str, limit: usize) -> Vec<SessionStatus> {
        let mut shown = Vec::new();
        let mut after: Arc<str> = after.into();
        // Those that come and go are passed over, and are not where the list ends.
        while shown.len() < limit {
            let wanted = limit - shown.len();
            let listed = self.0.registry.list(user, &after, wanted);
            shown.extend(
                listed
                    .iter()
                    .filter_map(|connection| self.0.status(connection)),
            );
            match listed.last() {
                Some(last) if listed.len() == wanted => after = Arc::clone(&last.client),
                _ => break,
            }
        }
        shown
    }

    /// The session of this node with this id.
    #[must_use]
    pub fn show(&self, client: &str) -> Option<SessionStatus> {
        let connection = self.0.registry.get(client)?;
        self.0.status(&connection)
    }

    /// Who is subscribed to a channel, on all nodes, as JSON sessions are shown it. It is waited
    /// 500 ms at most for what other nodes say.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn presence(&self, name: &ChannelName) -> Result<Vec<Arc<ClientInfo>>, Refused> {
        let hub = self.looked_at(name).await?;
        Ok(hub.map(|hub| hub.present()).unwrap_or_default())
    }

    /// How many are subscribed to a channel, on all nodes.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn presence_stats(&self, name: &ChannelName) -> Result<PresenceStats, Refused> {
        let hub = self.looked_at(name).await?;
        Ok(hub.map_or_else(PresenceStats::default, |hub| hub.presence_stats()))
    }

    async fn looked_at(&self, name: &ChannelName) -> Result<Option<Arc<Hub>>, Refused> {
        let namespace = self.0.namespace(&self.0.in_use(), name)?;
        match namespace.presence {
            true => self.0.looked_at(name, &namespace).await,
            false => Err(errors::NOT_AVAILABLE.into()),
        }
    }

    /// A part of a channel's history, as JSON sessions are shown it.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn history(
        &self,
        name: &ChannelName,
        asked: &PageRequest<'_>,
    ) -> Result<HistoryPage, Refused> {
        let place = self.0.place(&self.0.in_use(), name).await?;
        let page = self.0.history_of(name, &place, asked, MAX_HISTORY_READ);
        let page = page.await?;
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
    /// Why it has none, or why that is not dropped.
    pub async fn remove_history(&self, name: &ChannelName) -> Result<(), Refused> {
        let namespace = self.0.namespace(&self.0.in_use(), name)?;
        if !namespace.has_history() {
            return Err(errors::NOT_AVAILABLE.into());
        }
        if namespace.durable {
            return self.0.trim_log(name).await;
        }
        self.0.remove_log(name).await
    }

    /// The channels that have subscribers on this node and how many each has, in no order.
    #[must_use]
    pub fn channels(&self) -> Vec<(ChannelName, usize)> {
        let used = self.0.hubs.used().into_iter();
        let named = used.map(|(hub, subscribers)| (hub.name().clone(), subscribers));
        named.collect()
    }

    /// The other nodes that are sent what is published here to a channel and is in no history:
    /// those that say that they have subscribers of it, and those of which that is not known.
    #[must_use]
    pub fn nodes_with(&self, name: &ChannelName) -> Vec<PeerNode> {
        self.0.across.interest.nodes_with(name)
    }

    /// The channels that have subscribers on this node.
    #[must_use]
    pub fn channels_used(&self) -> ChannelsUsed {
        let used = self.0.hubs.used();
        ChannelsUsed {
            channels: used.len(),
            subscriptions: used.iter().map(|(_, subscribers)| subscribers).sum(),
        }
    }

    /// What was counted.
    #[must_use]
    pub fn counts(&self) -> CountsShown {
        // The one is counted where it is bounded.
        self.0.counts.shown(self.0.brought.held_back())
    }

    /// How many there are.
    #[must_use]
    pub fn stats(&self) -> SessionsStats {
        let counts = &self.0.counts;
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
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
            across: self.0.across.shown(),
        }
    }
}

impl Shared {
    /// What is shown of a session, while it is connected.
    pub(super) fn status(&self, connection: &Connection) -> Option<SessionStatus> {
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
            node: Arc::clone(self.bus.node()),
            user: Arc::clone(&known.user),
            transport: connection.transport.variant.framing.transport(),
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
}

#[cfg(test)]
mod tests {
    use crate::session::test_support::Rig;

    #[tokio::test(start_paused = true)]
    async fn who_just_went_is_not_where_a_list_ends() {
        let rig = Rig::new(&[], |_| {});
        let mut clients = Vec::new();
        for _ in 0..4 {
            clients.push(rig.connected().await);
        }
        let ids = |limit| {
            let listed = rig.sessions.list(None, "", limit).into_iter();
            listed.map(|one| one.client).collect::<Vec<_>>()
        };
        let all = ids(10);
        assert_eq!(all.len(), 4);
        // As it is amid its end, before it is taken out of the registry.
        for gone in &all[..2] {
            let connection = rig.sessions.0.registry.get(gone).expect("it is there");
            connection.finish().expect("once");
        }
        assert_eq!(ids(1), all[2..3]);
        assert_eq!(ids(10), all[2..]);
    }
}
