//! How many sessions other nodes have: those are lost with them.

use std::collections::BTreeMap;

use crate::mesh::PeerNode;

/// How many sessions nodes have.
#[derive(Debug, Default)]
pub(super) struct Holding {
    of_nodes: BTreeMap<PeerNode, u64>,
    /// How many the others were told that this one has.
    told: u64,
}

impl Holding {
    /// A node has so many.
    pub(super) fn has(&mut self, node: &PeerNode, sessions: u64) {
        self.of_nodes.insert(node.clone(), sessions);
    }

    /// How many a node had that is gone, as far as it has said.
    pub(super) fn lost(&mut self, node: &PeerNode) -> u64 {
        self.of_nodes.remove(node).unwrap_or(0)
    }

    /// Whether the others have yet to be told that this one has so many.
    pub(super) fn is_new(&mut self, sessions: u64) -> bool {
        std::mem::replace(&mut self.told, sessions) != sessions
    }
}
