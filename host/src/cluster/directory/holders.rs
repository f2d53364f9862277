//! Which channels lie with which other node.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use super::held::HeldBy;
use super::kept::KeptNode;
use super::node::Node;
use super::{Directory, Whose};
use crate::cluster::membership::Address;
use crate::cluster::timing::{KEEP_NAMES, SETTLE};
use crate::cluster::wire::protocol::Channels;
use crate::passing::{Holder, Known, Renamed};

/// Names on either side of one that are looked at of each node.
const BESIDE: usize = 100;

/// The same of all nodes, from which on no further one is looked at.
const MAX_BESIDE: usize = 800;

impl Directory {
    /// A node says which channels it has, or what has changed of that.
    pub(in crate::cluster) fn hear_channels(&self, node: &Node, said: Channels) {
        let was_whole = node.held.is_whole();
        let news = node.held.hear(said);
        if !news.is_empty() {
            self.kept.rename(news);
        } else if was_whole == node.held.is_whole() {
            return;
        }
        self.note_held();
    }

    /// What was known of a node before it came, which is what it has until it says something
    /// else, and when it was linked last.
    pub(in crate::cluster) fn recall(&self, name: &str) -> (HeldBy, u64) {
        if let Some(former) = self.get(name) {
            let linked = former.last_linked.load(Ordering::Relaxed);
            return (HeldBy::of_former(&former.held), linked);
        }
        self.kept.recall(name).unwrap_or_default()
    }

    /// The nodes that have a channel of this name.
    pub(in crate::cluster) fn holders(&self, name: &str) -> Vec<Holder> {
        let mut holders = BTreeMap::new();
        let All { nodes, kept } = self.all();
        for (its_name, kept) in &kept {
            if let Some(epoch) = kept.held.epoch(name) {
                holders.insert(Arc::clone(its_name), away(its_name, epoch));
            }
        }
        for node in &nodes {
            if let Some(epoch) = node.held.epoch(name) {
                holders.insert(Arc::clone(&node.name), holder(node, epoch));
            }
        }
        if let Some(declared) = self.kept.declared.get(name) {
            let node = nodes.iter().find(|node| node.name == *declared);
            // Until it has said itself what it has.
            if node.is_none_or(|node| !node.held.is_whole()) {
                let epoch: Arc<str> = "".into();
                let holder = match node {
                    Some(node) => holder(node, epoch),
                    None => away(declared, epoch),
                };
                holders.entry(Arc::clone(declared)).or_insert(holder);
            }
        }
        holders.into_values().collect()
    }

    /// Channels of other nodes whose names come behind this one: the first `most` by their
    /// names and then their nodes, and more.
    pub(in crate::cluster) fn held_behind(
        &self,
        name: Option<&str>,
        most: usize,
    ) -> Vec<(Arc<str>, Holder)> {
        // Of each node as many as there may be of it among the first: no name is left out, and
        // none that is not looked at is before those.
        let mut found = BTreeMap::new();
        let All { nodes, kept } = self.all();
        for (node, kept) in &kept {
            for (name, epoch) in kept.held.behind(name, most) {
                found.insert((name, Arc::clone(node)), away(node, epoch));
            }
        }
        for node in &nodes {
            for (name, epoch) in node.held.behind(name, most) {
                found.insert((name, Arc::clone(&node.name)), holder(node, epoch));
            }
        }
        let found = found.into_iter();
        found.map(|((name, _), holder)| (name, holder)).collect()
    }

    /// Names of channels of other nodes that come next to this one, up to 1,000.
    pub(in crate::cluster) fn names_beside(&self, name: &str) -> Vec<Arc<str>> {
        let mut names = BTreeSet::new();
        for node in self.all().nodes {
            names.extend(node.held.beside(name, BESIDE));
            if names.len() >= MAX_BESIDE {
                break;
            }
        }
        names.into_iter().collect()
    }

    /// Whether the node of this name is linked; `None` if it is not known.
    pub(in crate::cluster) fn reaches(&self, name: &str) -> Option<bool> {
        if let Some(node) = self.get(name) {
            return Some(node.is_linked());
        }
        let mut declared = self.kept.declared.values();
        let is_known = self.kept.nodes().contains_key(name) || declared.any(|it| **it == *name);
        is_known.then_some(false)
    }

    /// Whether all who may have channels had the time to say so.
    pub(in crate::cluster) fn is_settled(&self) -> bool {
        let known = self.lock();
        let is_new = self.kept.started.elapsed() < SETTLE;
        if is_new
            && self
                .kept
                .join
                .iter()
                .any(|address| !is_met(&known, address))
        {
            return false;
        }
        let mut nodes = known.nodes.values();
        !nodes.any(|node| node.is_telling() || is_new && node.is_introducing())
    }

    /// Changes when it does which channels the others have.
    pub(in crate::cluster) fn renames(&self) -> watch::Receiver<u64> {
        self.kept.renames()
    }

    /// The names of which something new was said since this was asked last.
    pub(in crate::cluster) fn renamed(&self) -> Renamed {
        self.kept.renamed()
    }

    /// What is known of all nodes that were linked within a week; the others are forgotten.
    pub(in crate::cluster) fn known(&self) -> BTreeMap<Arc<str>, Known> {
        let now = self.bus.now_millis();
        let keep = u64::try_from(KEEP_NAMES.as_millis()).unwrap_or(u64::MAX);
        let is_kept = |linked: u64| linked.saturating_add(keep) > now;
        let mut known = BTreeMap::new();
        let mut forgotten = Vec::new();
        self.kept.nodes().retain(|name, kept| {
            let held = kept.held.all();
            if !is_kept(kept.linked) {
                forgotten.extend(held.into_keys());
                return false;
            }
            let linked = kept.linked;
            known.insert(Arc::clone(name), Known { held, linked });
            true
        });
        if !forgotten.is_empty() {
            self.kept.rename(forgotten);
            self.note_held();
        }
        for node in self.all().nodes {
            let linked = match node.is_linked() {
                true => now,
                false => node.last_linked.load(Ordering::Relaxed),
            };
            let held = node.held.all();
            if is_kept(linked) && !held.is_empty() {
                known.insert(Arc::clone(&node.name), Known { held, linked });
            }
        }
        known
    }

    /// Taken out, so that nobody waits for the locks while their channels are looked at. Of
    /// one moment, so that none is missed that goes from one to the other.
    fn all(&self) -> All {
        let known = self.lock();
        let kept = self.kept.nodes();
        let kept = kept.iter();
        All {
            nodes: known.nodes.values().map(Arc::clone).collect(),
            kept: kept
                .map(|(name, kept)| (Arc::clone(name), Arc::clone(kept)))
                .collect(),
        }
    }
}

/// All nodes that are known of.
struct All {
    nodes: Vec<Arc<Node>>,
    /// Those that are not shown.
    kept: Vec<(Arc<str>, Arc<KeptNode>)>,
}

/// Whether the node at an address is linked, or is this one. Behind a name may be many: one
/// of the cluster is enough.
fn is_met(known: &super::Known, address: &Address) -> bool {
    let mut nodes = known.nodes.values();
    if address.parse::<SocketAddr>().is_err() {
        return nodes.any(|node| node.is_linked());
    }
    match known.answers.get(address).map(|answer| &answer.whose) {
        Some(Whose::Itself) => true,
        Some(Whose::Node { name, .. }) => {
            known.nodes.get(name).is_some_and(|node| node.is_linked())
        }
        None => nodes.any(|node| node.is_linked() && node.address() == *address),
    }
}

fn holder(node: &Node, epoch: Arc<str>) -> Holder {
    Holder {
        node: Arc::clone(&node.name),
        epoch,
        reachable: node.is_linked(),
    }
}

fn away(node: &Arc<str>, epoch: Arc<str>) -> Holder {
    Holder {
        node: Arc::clone(node),
        epoch,
        reachable: false,
    }
}
