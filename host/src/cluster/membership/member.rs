//! A node as memberships know it.

use std::sync::Arc;

use uuid::Uuid;

use crate::cluster::wire::handshake::Peer;

/// A node at the other end of a link, as it introduced itself there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name of the node.
    pub node: Arc<str>,
    /// Unlike that of every other start of the node: a UUID of version 7.
    pub incarnation: Uuid,
    /// Where other nodes reach it.
    pub address: Arc<str>,
}

impl From<&Peer> for Member {
    fn from(peer: &Peer) -> Self {
        Self {
            node: Arc::clone(&peer.node),
            incarnation: peer.incarnation,
            address: Arc::clone(&peer.address),
        }
    }
}
