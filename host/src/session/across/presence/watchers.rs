//! Which channels other nodes want to know of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::mesh::PeerNode;
use crate::session::name::ChannelName;

/// Channels that one node may want to know of, and bytes of their names. It has as many at
/// most as its sessions have subscriptions; what is beyond that it is told once.
const MAX_WISHES: usize = 1 << 20;
const MAX_BYTES: usize = 64 << 20;

/// Which channels other nodes want to know of.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    of_channels: HashMap<ChannelName, Vec<PeerNode>, RandomState>,
    of_nodes: BTreeMap<PeerNode, OfNode>,
}

#[derive(Debug, Default)]
struct OfNode {
    channels: BTreeSet<ChannelName>,
    bytes: usize,
}

impl Watchers {
    /// A node wants to know of a channel. Whether it is told: it is not if it wants to know of
    /// too many.
    pub(super) fn add(&mut self, node: &PeerNode, channel: &ChannelName) -> bool {
        let own = self.of_nodes.entry(node.clone()).or_default();
        if own.channels.contains(channel) {
            return true;
        }
        let bytes = channel.as_str().len();
        if own.channels.len() >= MAX_WISHES || own.bytes + bytes > MAX_BYTES {
            return false;
        }
        own.bytes += bytes;
        own.channels.insert(channel.clone());
        let nodes = self.of_channels.entry(channel.clone()).or_default();
        nodes.push(node.clone());
        true
    }

    /// Whether [`add`](Self::add) would have a node told of a channel.
    pub(super) fn may_add(&self, node: &PeerNode, channel: &ChannelName) -> bool {
        let Some(own) = self.of_nodes.get(node) else {
            return true;
        };
        let has_room =
            own.channels.len() < MAX_WISHES && own.bytes + channel.as_str().len() <= MAX_BYTES;
        has_room || own.channels.contains(channel)
    }

    /// A node wants to know of a channel no more.
    pub(super) fn forget(&mut self, node: &PeerNode, channel: &ChannelName) {
        let Some(own) = self.of_nodes.get_mut(node) else {
            return;
        };
        if own.channels.remove(channel) {
            own.bytes -= channel.as_str().len();
            take_out(&mut self.of_channels, node, channel);
        }
    }

    /// A node is gone, or says all anew.
    pub(super) fn forget_node(&mut self, node: &PeerNode) {
        let own = self.of_nodes.remove(node).unwrap_or_default();
        for channel in &own.channels {
            take_out(&mut self.of_channels, node, channel);
        }
    }

    /// The nodes that want to know of a channel.
    pub(super) fn of(&self, channel: &ChannelName) -> Vec<PeerNode> {
        self.of_channels.get(channel).cloned().unwrap_or_default()
    }
}

fn take_out(
    of_channels: &mut HashMap<ChannelName, Vec<PeerNode>, RandomState>,
    node: &PeerNode,
    channel: &ChannelName,
) {
    if let Some(nodes) = of_channels.get_mut(channel) {
        nodes.retain(|it| it != node);
        if nodes.is_empty() {
            of_channels.remove(channel);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn node(name: &str, number: u128) -> PeerNode {
        PeerNode {
            name: name.into(),
            incarnation: Uuid::from_u128(number),
        }
    }

    #[test]
    fn each_node_has_wishes_of_its_own() {
        let mut watchers = Watchers::default();
        let (one, other) = (node("one", 1), node("other", 2));
        let channel = ChannelName::new("chat:1").unwrap();
        assert!(watchers.add(&one, &channel));
        assert!(watchers.add(&one, &channel), "the same again");
        assert!(watchers.add(&other, &channel));
        assert_eq!(watchers.of(&channel), [one.clone(), other.clone()]);
        watchers.forget(&one, &channel);
        watchers.forget(&one, &channel);
        assert_eq!(watchers.of(&channel), std::slice::from_ref(&other));
        watchers.forget_node(&other);
        assert!(watchers.of(&channel).is_empty());
        assert!(watchers.of_channels.is_empty());
    }
}
