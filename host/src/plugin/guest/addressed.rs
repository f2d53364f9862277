//! The sessions that a plugin may address.

use std::fmt;
use std::sync::Arc;

use crate::admin::{ClusterAdmin, NodeState};
use crate::session::{Sessions, Whose};

/// The sessions of the node, and the nodes on which there may be others.
#[derive(Clone)]
pub struct Addressed {
    /// Those of this node.
    pub sessions: Sessions,
    /// The nodes of the cluster.
    pub nodes: Arc<dyn ClusterAdmin>,
}

impl Addressed {
    /// Whether of those that are meant there may be others than the `reached` on this node.
    pub(crate) fn may_be_others(&self, whose: &Whose, reached: usize) -> bool {
        // A session is in one place.
        let is_found = matches!(whose, Whose::Client(_)) && reached > 0;
        let mut nodes = self.nodes.nodes().into_iter();
        !is_found && nodes.any(|node| node.state != NodeState::This)
    }

    /// The ids of all sessions of a user.
    pub(crate) fn clients_of(&self, user: &str) -> Vec<String> {
        let sessions = self.sessions.list(Some(user), "", usize::MAX);
        sessions.iter().map(|one| one.client.to_string()).collect()
    }
}

impl fmt::Debug for Addressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Addressed").finish_non_exhaustive()
    }
}
