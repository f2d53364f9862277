//! Which other nodes with sessions there are, and which node keeps what of a channel is kept
//! in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::wire::{hash_of, mixed};
use crate::mesh::PeerNode;
use crate::session::name::ChannelName;

/// The other nodes with sessions, and this one.
#[derive(Debug)]
pub(in crate::session) struct Members {
    this: PeerNode,
    /// Whether it is about to end, and no home any more.
    drains: AtomicBool,
    /// By their names.
    others: RwLock<BTreeMap<Arc<str>, Member>>,
}

/// Another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) struct Member {
    pub(in crate::session) peer: PeerNode,
    /// Whether it is not linked just now.
    pub(in crate::session) is_away: bool,
    /// Whether it is about to end, and no home any more.
    drains: bool,
}

/// Which node keeps what is kept of a channel in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) enum Home {
    /// This one.
    Here,
    /// Another one.
    There(PeerNode),
}

impl Members {
    pub(super) fn new(this: PeerNode) -> Self {
        Self {
            this,
            drains: AtomicBool::new(false),
            others: RwLock::default(),
        }
    }

    /// This node.
    pub(in crate::session) fn this(&self) -> &PeerNode {
        &self.this
    }

    /// The others, by their names.
    pub(in crate::session) fn others(&self) -> Vec<Member> {
        self.read().values().cloned().collect()
    }

    /// The same, whatever else is known of them.
    pub(in crate::session) fn peers(&self) -> Arc<[PeerNode]> {
        let others = self.read();
        others.values().map(|member| member.peer.clone()).collect()
    }

    /// Whether there is no other.
    pub(in crate::session) fn is_alone(&self) -> bool {
        self.read().is_empty()
    }

    /// This node is about to end, and no home any more.
    pub(super) fn drain(&self) {
        self.drains.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    pub(super) fn drains(&self) -> bool {
        self.drains.load(Ordering::Relaxed)
    }

    /// Another node is about to end, and no home any more.
    pub(super) fn set_drains(&self, peer: &PeerNode) {
        if let Some(member) = self.write().get_mut(&peer.name)
            && member.peer == *peer
        {
            member.drains = true;
        }
    }

    /// Whether a node is the home of a channel.
    pub(super) fn is_home(&self, peer: &PeerNode, channel: &ChannelName) -> bool {
        self.home_of(channel) == Home::There(peer.clone())
    }

    /// How many others there are.
    pub(super) fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether this start of a node is there, linked or not.
    pub(in crate::session) fn has(&self, peer: &PeerNode) -> bool {
        let others = self.read();
        others.get(&peer.name).is_some_and(|it| it.peer == *peer)
    }

    /// The node that keeps what is kept of a channel in memory: by highest random weight, so
    /// that a node that comes or goes takes no more than its own share with it.
    pub(in crate::session) fn home_of(&self, channel: &ChannelName) -> Home {
        let hash = hash_of(channel.as_str());
        let weight = |node: &str| mixed(hash ^ hash_of(node));
        let others = self.read();
        let own = (weight(&self.this.name), &self.this.name);
        let own = (!self.drains()).then_some(own);
        let highest = others
            .values()
            .filter(|member| !member.drains)
            .map(|member| (weight(&member.peer.name), &member.peer.name, &member.peer))
            .max_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)));
        match highest {
            Some((weight, name, peer)) if Some((weight, name)) > own => Home::There(peer.clone()),
            _ => Home::Here,
        }
    }

    /// A node has come; in the place of an earlier start of it, which is given back.
    pub(super) fn join(&self, peer: &PeerNode) -> Option<PeerNode> {
        let member = Member {
            peer: peer.clone(),
            is_away: false,
            drains: false,
        };
        let before = self.write().insert(Arc::clone(&peer.name), member);
        before.map(|before| before.peer).filter(|it| it != peer)
    }

    /// The link to it has come or gone.
    pub(super) fn set_away(&self, peer: &PeerNode, is_away: bool) {
        if let Some(member) = self.write().get_mut(&peer.name)
            && member.peer == *peer
        {
            member.is_away = is_away;
        }
    }

    /// It has gone; whether it was there.
    pub(super) fn part(&self, peer: &PeerNode) -> bool {
        let mut others = self.write();
        let is_there = others.get(&peer.name).is_some_and(|it| it.peer == *peer);
        if is_there {
            others.remove(&peer.name);
        }
        is_there
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Arc<str>, Member>> {
        // Nothing in here panics half-way.
        self.others.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<Arc<str>, Member>> {
        self.others.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn peer(name: &str, start: u128) -> PeerNode {
        PeerNode {
            name: name.into(),
            incarnation: Uuid::from_u128(start),
        }
    }

    fn members(this: &str, others: &[&str]) -> Members {
        let members = Members::new(peer(this, 1));
        for other in others {
            assert_eq!(members.join(&peer(other, 1)), None);
        }
        members
    }

    fn home(members: &Members, channel: usize) -> Arc<str> {
        let channel = ChannelName::new(&format!("chat:{channel}")).unwrap();
        match members.home_of(&channel) {
            Home::Here => Arc::clone(&members.this().name),
            Home::There(peer) => peer.name,
        }
    }

    #[test]
    fn all_nodes_agree_on_homes_and_each_has_its_share() {
        let nodes = [
            members("a", &["b", "c"]),
            members("b", &["a", "c"]),
            members("c", &["a", "b"]),
        ];
        let mut shares = BTreeMap::new();
        for channel in 0..3000 {
            let homes: Vec<_> = nodes.iter().map(|node| home(node, channel)).collect();
            assert!(homes.iter().all(|one| *one == homes[0]));
            *shares.entry(Arc::clone(&homes[0])).or_insert(0) += 1;
        }
        assert!(shares.len() == 3 && shares.values().all(|share| (800..1200).contains(share)));
    }

    #[test]
    fn who_goes_takes_no_other_node_s_channels_along() {
        let (before, after) = (members("a", &["b", "c"]), members("a", &["b"]));
        for channel in 0..1000 {
            let home_before = home(&before, channel);
            if *home_before != *"c" {
                assert_eq!(home(&after, channel), home_before);
            }
        }
    }

    #[test]
    fn another_start_takes_the_place_of_one() {
        let members = members("a", &["b"]);
        members.set_away(&peer("b", 1), true);
        assert_eq!(members.join(&peer("b", 2)), Some(peer("b", 1)));
        assert!(!members.part(&peer("b", 1)));
        assert!(members.has(&peer("b", 2)) && !members.others()[0].is_away);
        assert!(members.part(&peer("b", 2)));
        assert_eq!(members.len(), 0);
    }
}
