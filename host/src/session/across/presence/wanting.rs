//! Which channels this node wants to know of, and what it has asked whom.
//!
//! Each other node is asked for some channels at a time, and for more once it has told what it
//! was asked for: so what is on its way is bounded, however many channels and subscribers
//! there are. Of a channel with many subscribers it tells a part, and is asked for what
//! follows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::mesh::PeerNode;
use crate::session::name::ChannelName;

/// Questions to a node that wait for what it tells.
const UNDER_WAY: usize = 2;

/// Channels of a question, and bytes of their names, about.
const ASKED: usize = 512;
const ASKED_BYTES: usize = 32 << 10;

/// How long it is waited for what a node tells before it is asked again, in milliseconds: what
/// it tells may have been too large for it to send.
const RETRY_DELAY: u64 = 5_000;

/// Which channels this node wants to know of.
#[derive(Debug, Default)]
pub(super) struct Wanting {
    channels: BTreeSet<ChannelName>,
    nodes: BTreeMap<PeerNode, Asking>,
    /// Channels of which it does not want to know any more, and of which the others have yet to
    /// hear that.
    forgotten: BTreeSet<ChannelName>,
    /// Number of the last question.
    serial: u64,
}

/// What a node is asked.
#[derive(Debug, Default)]
struct Asking {
    /// Channels for which it is to be asked, and behind which of their members.
    due: BTreeMap<ChannelName, Arc<str>>,
    /// What it was asked, and when.
    under_way: BTreeMap<u64, (u64, Vec<Asked>)>,
}

/// A channel that a node is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) channel: ChannelName,
    /// Only members whose ids come behind this one.
    pub(super) after: Arc<str>,
}

/// What a node is to be asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) serial: u64,
    pub(super) of: Vec<Asked>,
}

impl Wanting {
    /// All nodes are to be asked for a channel.
    pub(super) fn want(&mut self, channel: &ChannelName) {
        self.channels.insert(channel.clone());
        self.forgotten.remove(channel);
        for asking in self.nodes.values_mut() {
            asking.due.insert(channel.clone(), Arc::default());
        }
    }

    /// Nobody wants to know of a channel any more.
    pub(super) fn unwant(&mut self, channel: &ChannelName) {
        self.channels.remove(channel);
        for asking in self.nodes.values_mut() {
            asking.due.remove(channel);
        }
        if !self.nodes.is_empty() {
            self.forgotten.insert(channel.clone());
        }
    }

    /// All channels that somebody wants to know of.
    pub(super) fn channels(&self) -> Vec<ChannelName> {
        self.channels.iter().cloned().collect()
    }

    /// The channels of which the others are to hear that nobody wants to know of them any
    /// more.
    pub(super) fn take_forgotten(&mut self) -> BTreeSet<ChannelName> {
        std::mem::take(&mut self.forgotten)
    }

    /// The nodes that can be asked.
    pub(super) fn nodes(&self) -> Vec<PeerNode> {
        self.nodes.keys().cloned().collect()
    }

    /// A node is there, and is to be asked for everything.
    pub(super) fn joined(&mut self, node: &PeerNode) {
        self.nodes.insert(node.clone(), Asking::default());
        self.anew(node);
    }

    /// A node is to be asked for everything anew.
    pub(super) fn anew(&mut self, node: &PeerNode) {
        if let Some(asking) = self.nodes.get_mut(node) {
            asking.under_way.clear();
            let all = self.channels.iter();
            asking.due = all
                .map(|channel| (channel.clone(), Arc::default()))
                .collect();
        }
    }

    /// A node is gone.
    pub(super) fn left(&mut self, node: &PeerNode) {
        self.nodes.remove(node);
        if self.nodes.is_empty() {
            self.forgotten.clear();
        }
    }

    /// What a node is to be asked next, at that time, if it may be now.
    pub(super) fn next(&mut self, node: &PeerNode, now: u64) -> Option<Question> {
        let asking = self.nodes.get_mut(node)?;
        if asking.under_way.len() >= UNDER_WAY {
            return None;
        }
        let (mut of, mut bytes) = (Vec::new(), 0);
        while of.len() < ASKED && bytes < ASKED_BYTES {
            let Some((channel, after)) = asking.due.pop_first() else {
                break;
            };
            bytes += channel.as_str().len() + after.len();
            of.push(Asked { channel, after });
        }
        if of.is_empty() {
            return None;
        }
        self.serial += 1;
        let serial = self.serial;
        asking.under_way.insert(serial, (now, of.clone()));
        Some(Question { serial, of })
    }

    /// A node has told what it was asked under a number: that is what it was asked, if it
    /// still holds.
    pub(super) fn told(&mut self, node: &PeerNode, serial: u64) -> Option<Vec<Asked>> {
        let asking = self.nodes.get_mut(node)?;
        let (_, of) = asking.under_way.remove(&serial)?;
        Some(of)
    }

    /// A node has more to tell of a channel, behind that id.
    pub(super) fn goes_on(&mut self, node: &PeerNode, channel: &ChannelName, after: &str) {
        if self.channels.contains(channel)
            && let Some(asking) = self.nodes.get_mut(node)
        {
            let from = asking.due.entry(channel.clone());
            from.or_insert_with(|| after.into());
        }
    }

    /// Whether a node is to be asked for a channel, or is being asked.
    pub(super) fn is_due(&self, node: &PeerNode, channel: &ChannelName) -> bool {
        self.nodes.get(node).is_some_and(|asking| {
            let mut asked = asking.under_way.values().flat_map(|(_, of)| of);
            asking.due.contains_key(channel) || asked.any(|asked| asked.channel == *channel)
        })
    }

    /// Has those asked again that were asked for too long without telling anything.
    pub(super) fn again(&mut self, now: u64) {
        for asking in self.nodes.values_mut() {
            let late = |(asked, _): &(u64, Vec<Asked>)| asked.saturating_add(RETRY_DELAY) <= now;
            let late = asking.under_way.extract_if(.., |_, it| late(it));
            let of: Vec<Asked> = late.flat_map(|(_, (_, of))| of).collect();
            for Asked { channel, after } in of {
                if self.channels.contains(&channel) {
                    asking.due.entry(channel).or_insert(after);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn node(number: u128) -> PeerNode {
        PeerNode {
            name: number.to_string().into(),
            incarnation: Uuid::from_u128(number),
        }
    }

    fn name(text: &str) -> ChannelName {
        ChannelName::new(text).unwrap()
    }

    fn asked(question: Option<Question>) -> (u64, Vec<(String, String)>) {
        let Question { serial, of } = question.expect("it is asked something");
        let of = of.iter();
        let of = of.map(|one| (one.channel.to_string(), one.after.to_string()));
        (serial, of.collect())
    }

    fn pair(channel: &str, after: &str) -> (String, String) {
        (channel.to_owned(), after.to_owned())
    }

    #[test]
    fn each_node_is_asked_for_what_is_wanted_when_it_comes() {
        let mut wanting = Wanting::default();
        let (one, other) = (node(1), node(2));
        wanting.want(&name("a"));
        wanting.joined(&one);
        wanting.want(&name("b"));
        let both = vec![pair("a", ""), pair("b", "")];
        assert_eq!(asked(wanting.next(&one, 0)).1, both);
        assert_eq!(wanting.next(&one, 0), None, "nothing else");
        wanting.joined(&other);
        wanting.unwant(&name("a"));
        let (serial, of) = asked(wanting.next(&other, 0));
        assert_eq!(of, [pair("b", "")]);
        assert_eq!(wanting.told(&one, serial), None, "another's");
        assert!(wanting.told(&other, serial).is_some());
        assert_eq!(wanting.told(&other, serial), None, "once");
        assert_eq!(wanting.take_forgotten(), [name("a")].into());
    }

    #[test]
    fn what_is_under_way_is_bounded_and_goes_on() {
        let mut wanting = Wanting::default();
        let one = node(1);
        wanting.joined(&one);
        for number in 0..ASKED * 3 {
            wanting.want(&name(&format!("{number:06}")));
        }
        let (first, of) = asked(wanting.next(&one, 0));
        assert_eq!(of.len(), ASKED);
        assert!(wanting.next(&one, 0).is_some());
        assert_eq!(wanting.next(&one, 0), None);
        let told = wanting.told(&one, first).unwrap();
        assert_eq!(told[0].channel, name("000000"));
        wanting.goes_on(&one, &name("000000"), "m");
        let (_, of) = asked(wanting.next(&one, 0));
        assert_eq!(of[0], pair("000000", "m"));
    }

    #[test]
    fn what_was_asked_before_something_was_lost_does_not_hold() {
        let mut wanting = Wanting::default();
        let one = node(1);
        wanting.joined(&one);
        wanting.want(&name("a"));
        let (serial, _) = asked(wanting.next(&one, 0));
        wanting.anew(&one);
        assert_eq!(wanting.told(&one, serial), None);
        let (serial, _) = asked(wanting.next(&one, 0));
        wanting.again(RETRY_DELAY - 1);
        assert!(wanting.told(&one, serial).is_some());
        wanting.want(&name("b"));
        let (serial, _) = asked(wanting.next(&one, 0));
        wanting.again(RETRY_DELAY);
        assert_eq!(wanting.told(&one, serial), None, "too late");
        assert!(wanting.is_due(&one, &name("b")));
        wanting.left(&one);
        assert!(wanting.nodes().is_empty());
    }
}
