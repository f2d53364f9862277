//! Which channels the nodes say that they want, and what they know of each other's.

use std::collections::{BTreeMap, BTreeSet};

use crate::ledger::LifeId;

/// What a node says of which channels are wanted.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Channels of which it tells others that it has subscribers.
    pub here: usize,
    /// The same of all others together, as it knows it.
    pub elsewhere: usize,
    /// To which others it sends what is published to a channel; by channel, of all that there
    /// are.
    pub nodes_with: BTreeMap<String, BTreeSet<LifeId>>,
}

/// What all nodes say of that.
#[derive(Debug, Default)]
pub struct Interests {
    /// By node, as it was when it was last looked at.
    pub looks: BTreeMap<LifeId, Look>,
    /// Channels that clients of a node were ever subscribed to.
    pub had: BTreeSet<(LifeId, String)>,
}

impl Interests {
    /// A node that is wrong about what is wanted, and how. `wanted` are the channels to which
    /// clients of each node are subscribed, of all nodes that there are.
    #[must_use]
    pub fn wrong(&self, wanted: &BTreeMap<LifeId, BTreeSet<&str>>) -> Option<(LifeId, String)> {
        let mut lives = wanted.keys();
        lives.find_map(|life| Some((*life, self.wrong_at(*life, wanted)?)))
    }

    fn wrong_at(&self, life: LifeId, wanted: &BTreeMap<LifeId, BTreeSet<&str>>) -> Option<String> {
        let Some(look) = self.looks.get(&life) else {
            return Some("has not been looked at".to_owned());
        };
        let own = wanted.get(&life).map_or(0, BTreeSet::len);
        if look.here != own {
            return Some(format!("wants {} channels, and has {own}", look.here));
        }
        let others = || wanted.iter().filter(move |(other, _)| **other != life);
        // Of channels that there are none of, too.
        let elsewhere: usize = others().map(|(_, theirs)| theirs.len()).sum();
        if look.elsewhere != elsewhere {
            return Some(format!(
                "knows of {} channels that others want, who want {elsewhere}",
                look.elsewhere
            ));
        }
        look.nodes_with.iter().find_map(|(channel, nodes)| {
            let wanting = others().filter(|(_, theirs)| theirs.contains(channel.as_str()));
            let wanting: BTreeSet<LifeId> = wanting.map(|(other, _)| *other).collect();
            (*nodes != wanting)
                .then(|| format!("sends {channel} to {nodes:?}, and it is wanted by {wanting:?}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: LifeId = LifeId(0);
    const OTHER: LifeId = LifeId(1);

    fn look(here: usize, elsewhere: usize, nodes_with: &[(&str, &[LifeId])]) -> Look {
        let nodes_with = nodes_with.iter();
        let nodes_with = nodes_with
            .map(|(channel, nodes)| ((*channel).to_owned(), nodes.iter().copied().collect()));
        Look {
            here,
            elsewhere,
            nodes_with: nodes_with.collect(),
        }
    }

    /// Where one node has a client in `a` and `b`, another one in `b`, and these are the looks
    /// of the first.
    fn wrong(first: Look) -> Option<LifeId> {
        let second = look(1, 2, &[("a", &[ONE]), ("b", &[ONE]), ("c", &[])]);
        let interests = Interests {
            looks: [(ONE, first), (OTHER, second)].into(),
            ..Interests::default()
        };
        let wanted = [
            (ONE, BTreeSet::from(["a", "b"])),
            (OTHER, BTreeSet::from(["b"])),
        ];
        let wanted = BTreeMap::from(wanted);
        interests.wrong(&wanted).map(|(life, _)| life)
    }

    #[test]
    fn nodes_agree_where_each_knows_what_the_others_want_and_no_more() {
        let known = look(2, 1, &[("a", &[]), ("b", &[OTHER]), ("c", &[])]);
        assert_eq!(wrong(known), None);
        let nothing = look(2, 0, &[("a", &[]), ("b", &[]), ("c", &[])]);
        assert_eq!(wrong(nothing), Some(ONE));
        // As of a node of which it is not known what it wants.
        let all = look(2, 0, &[("a", &[OTHER]), ("b", &[OTHER]), ("c", &[OTHER])]);
        assert_eq!(wrong(all), Some(ONE));
        let never_shrinks = look(2, 2, &[("a", &[]), ("b", &[OTHER]), ("c", &[OTHER])]);
        assert_eq!(wrong(never_shrinks), Some(ONE));
        let another = look(2, 1, &[("a", &[]), ("b", &[]), ("c", &[OTHER])]);
        assert_eq!(wrong(another), Some(ONE));
        let own_never_shrinks = look(3, 1, &[("a", &[]), ("b", &[OTHER]), ("c", &[])]);
        assert_eq!(wrong(own_never_shrinks), Some(ONE));
    }

    #[test]
    fn a_node_that_nobody_has_looked_at_agrees_with_nobody() {
        let wanted = BTreeMap::from([(ONE, BTreeSet::new())]);
        assert!(Interests::default().wrong(&wanted).is_some());
    }
}
