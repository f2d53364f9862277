//! The way to the sessions of the other nodes.

use std::sync::Arc;

use bytes::Bytes;

use super::Directory;
use crate::mesh::{Mesh, PeerNode};

impl Mesh for Directory {
    fn this(&self) -> PeerNode {
        PeerNode {
            name: Arc::clone(&self.identity.node),
            incarnation: self.identity.incarnation,
        }
    }

    fn peers(&self) -> Vec<PeerNode> {
        let known = self.lock();
        let heard = known.nodes.values().filter(|node| node.is_heard());
        heard.map(|node| node.peer()).collect()
    }

    fn known(&self) -> Vec<Arc<str>> {
        let known = self.lock();
        let may_have = known.nodes.values().filter(|node| node.may_have_sessions());
        may_have.map(|node| Arc::clone(&node.name)).collect()
    }

    fn send(&self, to: &PeerNode, message: Bytes) -> bool {
        let node = self.get(&to.name);
        let node = node.filter(|node| node.incarnation == to.incarnation && node.is_heard());
        node.is_some_and(|node| node.put(&message, &self.identity.node, &self.speaker))
    }
}
