//! Where another node stands, told to all who want to know: the directory, the
//! membership, listeners, and the log.

use std::sync::Arc;

use super::context::Context;
use crate::admin::NodeState;
use crate::cluster::directory::node::Node;
use crate::cluster::membership::gossip::LinkNews;
use crate::cluster::membership::{Address, Member};
use crate::cluster::wire::channel::Lost;
use crate::cluster::wire::handshake::Peer;
use crate::event::host_event::{HostEventType, NodeJoined, NodeLost};

/// Announces one start of another node.
pub(in crate::cluster) struct Announcer {
    context: Arc<Context>,
    node: Arc<Node>,
    /// Whether it was announced, and has not been missed for too long since.
    present: bool,
}

impl Announcer {
    pub(in crate::cluster) fn new(context: Arc<Context>, node: Arc<Node>) -> Self {
        Self {
            context,
            node,
            present: false,
        }
    }

    /// Whether listeners believe the node to be there.
    pub(in crate::cluster) fn is_present(&self) -> bool {
        self.present
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
        if matches!(lost, Lost::Replaced) {
            tracing::debug!(%node, "the node made a new connection");
        } else {
            tracing::warn!(%node, error = %lost, "link lost");
        }
    }

    /// The link has not come back. Returns whether that was news.
    pub(in crate::cluster) fn unreachable(&mut self) -> bool {
        let news = self.present;
        if news {
            tracing::warn!(node = %self.node.name, "node unreachable");
            self.publish_lost(HostEventType::ClusterUnreachable);
            // Not before: a panic on the way would leave it untold.
            self.present = false;
        }
        news
    }

    /// The node said goodbye.
    pub(in crate::cluster) async fn left(&self, peer: &Peer) {
        tracing::info!(node = %peer.node, "node left");
        let directory = &self.context.directory;
        directory.set_state(&self.node, NodeState::Left);
        self.tell(LinkNews::Left(Member::from(peer))).await;
        self.publish_lost(HostEventType::ClusterLeft);
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
