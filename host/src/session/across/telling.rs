//! Whose turn it is to tell another node something from the beginning.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::mesh::PeerNode;

/// Which nodes are being told: each once at a time, from the beginning where it has missed
/// something meanwhile.
#[derive(Debug, Default)]
pub(super) struct Telling(Mutex<Turns>);

#[derive(Debug, Default)]
struct Turns {
    last: u64,
    of_nodes: BTreeMap<PeerNode, u64>,
}

impl Telling {
    /// From now on this is the one that tells the node.
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
        let telling = Telling::default();
        let peer = |start| PeerNode {
            name: "b".into(),
            incarnation: Uuid::from_u128(start),
        };
        let first = telling.begin(&peer(1));
        let other = telling.begin(&peer(2));
        let second = telling.begin(&peer(1));
        assert!(!telling.is_last(&peer(1), first) && telling.is_last(&peer(1), second));
        telling.end(&peer(1), first);
        assert!(telling.is_last(&peer(1), second) && telling.is_last(&peer(2), other));
        telling.end(&peer(1), second);
        assert!(!telling.is_last(&peer(1), second));
        let third = telling.begin(&peer(1));
        assert!(![first, second, other].contains(&third));
    }
}
