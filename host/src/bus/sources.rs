//! Tells the publishers of another node apart, by the sources of their events.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hearken_wire::Attribute;
use smallvec::SmallVec;

use super::delivery::MAX_BATCH;
use super::mailbox::PublisherId;
use crate::event::Event;

/// Sources under this prefix are the node's to give.
pub(super) const NODE_SOURCES: &str = "/nodes/";

/// Sources that nodes do not give are told apart as so many at most: whoever may write
/// what they like there could otherwise be as many publishers as they like, and take as
/// many shares of a mailbox.
const FREE_SOURCES: u64 = 16;

/// Numbers of publishers of other nodes have it, those of this node do not.
const FOREIGN: PublisherId = 1 << 31;

/// What mailboxes tell the publishers of some events apart by.
pub(super) type Numbers = SmallVec<[PublisherId; MAX_BATCH]>;

/// The publishers of events of the other node whose events `relay` passes on.
pub(super) fn numbers(events: &[Event], relay: PublisherId) -> Numbers {
    // Whoever publishes much does so several times in a row.
    let mut last: Option<(&[u8], PublisherId)> = None;
    let mut numbers = Numbers::new();
    for event in events {
        let source = event.packed().attribute_bytes(Attribute::Source);
        let known = last.filter(|(known, _)| *known == source);
        let number = known.map_or_else(|| number(source, relay), |(_, number)| number);
        last = Some((source, number));
        numbers.push(number);
    }
    numbers
}

fn number(source: &[u8], relay: PublisherId) -> PublisherId {
    let hash = FixedState::with_seed(relay.into()).hash_one(source);
    let hash = if source.starts_with(NODE_SOURCES.as_bytes()) {
        hash
    } else {
        FixedState::with_seed(relay.into()).hash_one(hash % FREE_SOURCES)
    };
    #[expect(clippy::cast_possible_truncation, reason = "it is a hash")]
    let hash = hash as PublisherId;
    hash | FOREIGN
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn sources_that_nodes_give_are_told_apart() {
        let plugins = (0..100).map(|plugin| format!("/nodes/a/plugins/p{plugin}"));
        let numbers: BTreeSet<_> = plugins.map(|source| number(source.as_bytes(), 7)).collect();
        assert_eq!(numbers.len(), 100);
        assert!(numbers.iter().all(|number| number & FOREIGN != 0));
        let elsewhere = number(b"/nodes/a/plugins/p1", 8);
        assert!(!numbers.contains(&elsewhere), "each node has its own");
    }

    #[test]
    fn nobody_is_a_thousand_publishers_by_a_thousand_sources() {
        let sources = (0..1000).map(|number| format!("/free/{number}"));
        let numbers: BTreeSet<_> = sources.map(|source| number(source.as_bytes(), 7)).collect();
        assert!((2..=FREE_SOURCES as usize).contains(&numbers.len()));
    }
}
