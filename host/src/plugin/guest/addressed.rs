//! The sessions that a plugin may address.

use std::fmt;
use std::sync::Arc;

use crate::admin::{ClusterAdmin, NodeState};
use crate::session::{Reached, Sessions, Whose};

/// The sessions, and the nodes on which there may be others.
#[derive(Clone)]
pub struct Addressed {
    /// Those of this node, by which those of others are reached.
    pub sessions: Sessions,
    /// The nodes of the cluster.
    pub nodes: Arc<dyn ClusterAdmin>,
}

impl Addressed {
    /// Whether of those that are meant there may be others than those that were reached.
    pub(crate) fn may_be_others(&self, whose: &Whose, reached: &Reached) -> bool {
        let is_one = matches!(whose, Whose::Client(_) | Whose::ClientOf { .. });
        let is_elsewhere = match whose {
            // A session is in one place.
            _ if is_one && reached.sessions > 0 => return false,
            Whose::Node | Whose::NodeOf(_) => false,
            _ => self.are_others(reached),
        };
        reached.is_partial || is_elsewhere
    }

    /// Whether there are nodes that may have sessions beside those that were reached.
    fn are_others(&self, reached: &Reached) -> bool {
        let nodes = self.nodes.nodes().into_iter();
        let mut others =
            nodes.filter(|node| !matches!(node.state, NodeState::This | NodeState::Left));
        others.any(|node| !reached.nodes.contains(&*node.name))
    }
}

impl fmt::Debug for Addressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Addressed").finish_non_exhaustive()
    }
}
