//! Which other nodes with sessions there are, and which node keeps what of a channel is kept
//! in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

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
    /// The starts of others that were met last, also of those that are gone, by their names.
    meetings: Mutex<BTreeMap<Arc<str>, Meetings>>,
}

/// Nodes whose meetings are remembered once they are gone: more than a cluster has.
const MAX_MET: usize = 4_096;

/// How often a start of another node was met, each time but the first after it was
/// unreachable.
#[derive(Debug)]
struct Meetings {
    peer: PeerNode,
    /// By this node, from 1 on.
    here: u64,
    /// By the other one, as it has said; 0 if it has not.
    there: u64,
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
            meetings: Mutex::default(),
        }
    }

    /// How often this node has met a start of another; 0 if it has not.
    pub(super) fn meeting(&self, peer: &PeerNode) -> u64 {
        let all = self.meetings();
        let met = all.get(&peer.name).filter(|met| met.peer == *peer);
        met.map_or(0, |met| met.here)
    }

    /// How often a start of another node has met this one, as far as it has said.
    pub(super) fn meeting_there(&self, peer: &PeerNode) -> u64 {
        let all = self.meetings();
        let met = all.get(&peer.name).filter(|met| met.peer == *peer);
        met.map_or(0, |met| met.there)
    }

    /// Another node says how often it has met this one.
    pub(super) fn set_meeting_there(&self, peer: &PeerNode, meeting: u64) {
        let mut all = self.meetings();
        if let Some(met) = all.get_mut(&peer.name)
            && met.peer == *peer
        {
            met.there = meeting;
        }
    }

    /// Whether what another node asks for is of the time since the two have met last.
    pub(super) fn is_of_now(&self, peer: &PeerNode, meeting: u64) -> bool {
        let here = self.meeting(peer);
        // Before it has heard of the first.
        meeting == here || meeting == 0 && here == 1
    }

    fn meet(&self, peer: &PeerNode, others: &BTreeMap<Arc<str>, Member>) {
        let mut all = self.meetings();
        match all.get_mut(&peer.name).filter(|met| met.peer == *peer) {
            Some(met) => met.here += 1,
            None => {
                let met = Meetings {
                    peer: peer.clone(),
                    here: 1,
                    there: 0,
                };
                all.insert(Arc::clone(&peer.name), met);
            }
        }
        if all.len() > MAX_MET {
            all.retain(|name, _| others.contains_key(name));
        }
    }

    fn meetings(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Meetings>> {
        // Nothing in here panics half-way.
        self.meetings.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// The node of that name, if it is there.
    pub(in crate::session) fn named(&self, name: &str) -> Option<PeerNode> {
        self.read().get(name).map(|member| member.peer.clone())
    }

    /// Whether there is no other.
    pub(in crate::session) fn is_alone(&self) -> bool {
        self.read().is_empty()
    }

    /// This node is about to end, and no home any more.
    pub(super) fn drain(&self) {
        self.drains.store(true, Ordering::Relaxed);
    }

    /// Whether this node drains.
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

    /// Whether this start of a node is there, and linked just now.
    pub(in crate::session) fn is_linked(&self, peer: &PeerNode) -> bool {
        let others = self.read();
        let member = others.get(&peer.name);
        member.is_some_and(|it| it.peer == *peer && !it.is_away)
    }

    /// The node that keeps what is kept of a channel in memory: by highest random weight, so
    /// that a node that comes or goes takes no more than its own share with it.
    pub(in crate::session) fn home_of(&self, channel: &ChannelName) -> Home {
        let hash = hash_of(channel.as_str());
        let weight = |node: &str| mixed(hash ^ hash_of(node));
        let others = self.read();
        let own = (weight(&self.this.name), &self.this.name);
        let drains = self.drains();
        let own = (!drains).then_some(own);
        let highest = others
            .values()
            // Whoever is about to end hands nothing to a node that may not come back in time.
            .filter(|member| !(member.drains || drains && member.is_away))
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
        let mut others = self.write();
        let before = others.insert(Arc::clone(&peer.name), member);
        self.meet(peer, &others);
        drop(others);
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

    #[test]
    fn what_was_asked_for_before_a_node_was_met_again_is_not_of_now() {
        let members = members("a", &["b"]);
        let b = peer("b", 1);
        assert!(members.is_of_now(&b, 1) && members.is_of_now(&b, 0));
        members.part(&b);
        members.join(&b);
        assert!(members.is_of_now(&b, 2));
        assert!(!members.is_of_now(&b, 1) && !members.is_of_now(&b, 0));
        // Another start has asked for nothing before.
        members.join(&peer("b", 2));
        assert!(members.is_of_now(&peer("b", 2), 0) && !members.is_of_now(&b, 2));
        members.set_meeting_there(&b, 7);
        assert_eq!(members.meeting_there(&peer("b", 2)), 0);
    }

    #[test]
    fn who_ends_takes_no_node_for_a_home_that_is_away() {
        let members = members("a", &["b"]);
        members.set_away(&peer("b", 1), true);
        members.drain();
        assert_eq!(home(&members, 0), "a".into());
        members.set_away(&peer("b", 1), false);
        assert_eq!(home(&members, 0), "b".into());
    }
}
