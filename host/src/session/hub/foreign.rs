//! Who is subscribed to a channel on other nodes.
//!
//! Each node owns what is said of its sessions, and nobody else changes that. A hub has it of
//! the other nodes while somebody here may look at it: while there are subscribers, and for a
//! while after. It is right about a node once that has said all, and as long as nothing that
//! it said was lost.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;

use super::member::Member;
use crate::mesh::PeerNode;

/// How long it is kept that nobody looks at, in milliseconds: who was cut off comes back
/// within that.
const LINGERS: u64 = 10_000;

/// What other nodes have said.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    /// Until when somebody may look at it though nobody is subscribed; `None` while that is
    /// not set.
    pub(super) until: Option<u64>,
    pub(super) owners: BTreeMap<PeerNode, Owned>,
}

/// What one node has said.
#[derive(Debug, Default)]
pub(super) struct Owned {
    pub(super) members: BTreeMap<Arc<str>, Member>,
    /// Whether it has said all, and nothing of it was lost.
    pub(super) is_whole: bool,
    /// Whether those of whom it speaks were there before anybody here looked, so that nobody
    /// is told that they come.
    pub(super) was_before: bool,
}

impl Foreign {
    /// The ids of those members of a node that come behind `after`, up to `upto`.
    pub(super) fn ids(&self, node: &PeerNode, after: &str, upto: Option<&str>) -> Vec<Arc<str>> {
        let Some(owned) = self.owners.get(node) else {
            return Vec::new();
        };
        if upto.is_some_and(|upto| upto <= after) {
            return Vec::new();
        }
        let range = (Excluded(after), upto.map_or(Unbounded, Included));
        let ids = owned.members.range::<str, _>(range);
        ids.map(|(id, _)| Arc::clone(id)).collect()
    }

    /// Whether there are nodes that may have said something.
    pub(super) fn is_anything(&self) -> bool {
        !self.owners.is_empty()
    }

    /// Until when it is kept where nobody is subscribed.
    pub(super) fn kept(&self, now: u64) -> u64 {
        self.until.unwrap_or(now.saturating_add(LINGERS))
    }
}
