//! Where another node stands, told to all who want to know: the directory, the
//! membership, listeners, and the log.

use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use crate::admin::NodeState;
use crate::cluster::directory::node::Node;
use crate::cluster::membership::gossip::LinkNews;
use crate::cluster::membership::{Address, Member};
use crate::cluster::timing::SESSIONS_WAIT;
use crate::cluster::wire::channel::Lost;
use crate::cluster::wire::handshake::Peer;
use crate::event::host_event::{HostEventType, NodeJoined, NodeLost};
use crate::mesh::{News, PeerNode};

/// Announces one start of another node.
pub(in crate::cluster) struct Announcer {
    context: Arc<Context>,
    node: Arc<Node>,
    /// Whether it was announced, and has not been missed for too long since.
    present: bool,
    /// Whether sessions were told of it, and have not been told since that it is gone.
    heard: bool,
}

impl Announcer {
    pub(in crate::cluster) fn new(context: Arc<Context>, node: Arc<Node>) -> Self {
        Self {
            context,
            node,
            present: false,
            heard: false,
        }
    }

    /// How long there may be no link before the next are told, where listeners are after
    /// `listeners`. Nothing once all have been.
    pub(in crate::cluster) fn next_wait(&self, listeners: Duration) -> Option<Duration> {
        let sessions = || self.heard.then_some(SESSIONS_WAIT);
        self.present.then_some(listeners).or_else(sessions)
    }

    /// There has been no link for so long: tells those who are next, first listeners, then
    /// sessions. Returns whether that was news.
    pub(in crate::cluster) fn missed(&mut self) -> bool {
        self.unreachable() || self.gone(News::Unreachable)
    }

    /// There is a link.
    pub(in crate::cluster) async fn linked(&mut self, peer: &Peer, own_address: Address) {
        self.node.update(peer);
        let directory = &self.context.directory;
        directory.reached_at(&own_address);
        directory.set_state(&self.node, NodeState::Connected);
        self.tell(LinkNews::Up {
            peer: Member::from(peer),
            local_address: own_address,
        })
        .await;
        self.hear_linked(peer);
        let Peer {
            node,
            address,
            version,
            incarnation,
            ..
        } = peer;
        if self.present {
            tracing::info!(%node, %address, "linked again");
            return;
        }
        tracing::info!(%node, %address, %version, %incarnation, "node joined");
        let data = NodeJoined {
            node: node.to_string(),
            address: address.to_string(),
            version: version.to_string(),
            incarnation: incarnation.to_string(),
        };
        let host = &self.context.host;
        host.publish_host(HostEventType::ClusterJoined, node, &data);
        self.present = true;
    }

    /// There is no link, or none any more.
    pub(in crate::cluster) async fn lost(&self, peer: &Peer, lost: &Lost) {
        let node = &peer.node;
        if !self.node.is_linked() {
            // By its name, of which there is one: it may say that it is anywhere.
            self.context.failures.no_link(node, lost);
            return;
        }
        let directory = &self.context.directory;
        directory.set_state(&self.node, NodeState::Unreachable);
        self.tell(LinkNews::Down(Member::from(peer))).await;
        if self.heard {
            self.hear(News::Away(self.node.peer()));
        }
        if matches!(lost, Lost::Replaced) {
            tracing::debug!(%node, "the node made a new connection");
        } else {
            tracing::warn!(%node, error = %lost, "link lost");
        }
    }

    /// Another start of the node has taken its place.
    pub(in crate::cluster) fn superseded(&mut self) {
        self.unreachable();
        self.gone(News::Left);
    }

    /// The node said goodbye.
    pub(in crate::cluster) async fn left(&mut self, peer: &Peer) {
        tracing::info!(node = %peer.node, "node left");
        let directory = &self.context.directory;
        directory.set_state(&self.node, NodeState::Left);
        self.tell(LinkNews::Left(Member::from(peer))).await;
        self.publish_lost(HostEventType::ClusterLeft);
        self.gone(News::Left);
    }

    /// Has listeners hear that the node cannot be reached. Returns whether that was news.
    fn unreachable(&mut self) -> bool {
        let news = self.present;
        if news {
            tracing::warn!(node = %self.node.name, "node unreachable");
            self.publish_lost(HostEventType::ClusterUnreachable);
            // Not before: a panic on the way would leave it untold.
            self.present = false;
        }
        news
    }

    /// Has sessions hear of a link.
    fn hear_linked(&mut self, peer: &Peer) {
        if self.context.ears.is_none() {
            return;
        }
        if !peer.sessions {
            // Also where the node of a start that was told of has none any more, which none
            // does.
            if self.gone(News::Left) || !self.present {
                tracing::warn!(
                    node = %peer.node,
                    "the node has no sessions, or is of a version whose sessions do not hear \
                     those of other nodes: sessions here and there do not reach each other"
                );
            }
            return;
        }
        let node = self.node.peer();
        if self.heard {
            return self.hear(News::Back(node));
        }
        // Before, so that whoever hears of it can send.
        self.node.set_heard(true);
        self.heard = true;
        self.hear(News::Joined(node));
    }

    /// Has sessions hear that the node is gone. Returns whether that was news.
    fn gone(&mut self, news: impl FnOnce(PeerNode) -> News) -> bool {
        let was_heard = std::mem::take(&mut self.heard);
        if was_heard {
            self.node.set_heard(false);
            self.hear(news(self.node.peer()));
        }
        was_heard
    }

    fn hear(&self, news: News) {
        if let Some(ears) = &self.context.ears {
            ears.hear(news);
        }
    }

    fn publish_lost(&self, event_type: HostEventType) {
        let name = &self.node.name;
        let data = NodeLost {
            node: name.to_string(),
            incarnation: self.node.incarnation.to_string(),
        };
        self.context.host.publish_host(event_type, name, &data);
    }

    async fn tell(&self, news: LinkNews) {
        // Fails when the membership has ended, since this node leaves.
        let _ = self.context.news.send(news).await;
    }
}
