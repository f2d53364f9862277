//! Whose turn it is to go through something with another node, from the beginning.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::mesh::PeerNode;

/// With which nodes something is gone through: with each once at a time, from the beginning where
/// something was missed meanwhile.
#[derive(Debug, Default)]
pub(super) struct NodeTurns(Mutex<Turns>);

#[derive(Debug, Default)]
struct Turns {
    last: u64,
    of_nodes: BTreeMap<PeerNode, u64>,
}

impl NodeTurns {
    /// From now on this is the one that does.
    pub(super) fn begin(&self, peer: &PeerNode) -> u64 {
        let mut turns = self.lock();
        turns.last += 1;
        let turn = turns.last;
        turns.of_nodes.insert(peer.clone(), turn);
        turn
    }

    /// Whether none has begun later.
    pub(super) fn is_last(&self, peer: &PeerNode, turn: u64) -> bool {
        self.lock().of_nodes.get(peer) == Some(&turn)
    }

    pub(super) fn end(&self, peer: &PeerNode, turn: u64) {
        let mut turns = self.lock();
        if turns.of_nodes.get(peer) == Some(&turn) {
            turns.of_nodes.remove(peer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Turns> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn who_is_told_anew_is_told_once_at_a_time() {
        let turns = NodeTurns::default();
        let peer = |start| PeerNode {
            name: "b".into(),
            incarnation: Uuid::from_u128(start),
        };
        let first = turns.begin(&peer(1));
        let other = turns.begin(&peer(2));
        let second = turns.begin(&peer(1));
        assert!(!turns.is_last(&peer(1), first) && turns.is_last(&peer(1), second));
        turns.end(&peer(1), first);
        assert!(turns.is_last(&peer(1), second) && turns.is_last(&peer(2), other));
        turns.end(&peer(1), second);
        assert!(!turns.is_last(&peer(1), second));
        let third = turns.begin(&peer(1));
        assert!(![first, second, other].contains(&third));
    }
}
