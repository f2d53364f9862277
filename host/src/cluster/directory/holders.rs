//! Which channels lie with which other node.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Directory;
use super::node::Node;
use crate::cluster::wire::protocol::Channels;
use crate::passing::Holder;

/// Names on either side of one that are looked at of each node.
const BESIDE: usize = 100;

/// The same of all nodes, from which on no further one is looked at.
const MAX_BESIDE: usize = 800;

impl Directory {
    /// A node says which channels it has, or what has changed of that.
    pub(in crate::cluster) fn hear_channels(&self, node: &Node, said: Channels) {
        if node.held.hear(said) {
            self.note_held();
        }
    }

    /// The nodes that have a channel of this name.
    pub(in crate::cluster) fn holders(&self, name: &str) -> Vec<Holder> {
        let known = self.lock();
        let nodes = known.nodes.values();
        let holders = nodes.filter_map(|node| Some(holder(node, node.held.epoch(name)?)));
        holders.collect()
    }

    /// All channels of other nodes, by their names and then their nodes.
    pub(in crate::cluster) fn all_held(&self) -> Vec<(Arc<str>, Holder)> {
        let known = self.lock();
        let mut all = BTreeSet::new();
        for (at, node) in known.nodes.values().enumerate() {
            let held = node.held.all().into_iter();
            all.extend(held.map(|(name, epoch)| (name, at, epoch)));
        }
        let nodes: Vec<_> = known.nodes.values().collect();
        let all = all.into_iter();
        all.map(|(name, at, epoch)| (name, holder(nodes[at], epoch)))
            .collect()
    }

    /// Names of channels of other nodes that come next to this one, up to 1,000.
    pub(in crate::cluster) fn names_beside(&self, name: &str) -> Vec<Arc<str>> {
        let known = self.lock();
        let mut names = BTreeSet::new();
        for node in known.nodes.values() {
            names.extend(node.held.beside(name, BESIDE));
            if names.len() >= MAX_BESIDE {
                break;
            }
        }
        names.into_iter().collect()
    }

    /// Whether the node of this name is linked; `None` if it is not known.
    pub(in crate::cluster) fn reaches(&self, name: &str) -> Option<bool> {
        self.get(name).map(|node| node.is_linked())
    }
}

fn holder(node: &Node, epoch: Arc<str>) -> Holder {
    Holder {
        node: Arc::clone(&node.name),
        epoch,
        reachable: node.is_linked(),
    }
}
