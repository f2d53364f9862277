//! The nodes that have not answered and may have sessions that are meant: by them alone an
//! action or a list is partial.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::session::sessions::Sessions;
use crate::session::shared::Shared;

impl Shared {
    /// Whether a node that may have sessions that are meant is none of those that have answered;
    /// where they are all on one node, that is `only`.
    ///
    /// A node may have sessions from when it has announced some until it has said goodbye, or is
    /// forgotten: one that cannot be reached is none of the members any more, but its sessions
    /// live on where only the link is broken. One that has announced none has none that are meant.
    pub(super) fn is_any_unheard(&self, only: Option<&str>, answered: &BTreeSet<Arc<str>>) -> bool {
        match only {
            Some(only) => !answered.contains(only),
            None => {
                let known = self.across.known();
                known.iter().any(|node| !answered.contains(node))
            }
        }
    }
}

impl Sessions {
    /// Whether the sessions of a node of this name are there, as far as this one knows: it is
    /// this one, is linked, or has not been for less than 5 seconds.
    #[must_use]
    pub fn has_node(&self, node: &str) -> bool {
        let members = &self.0.across.members;
        *members.this().name == *node || members.named(node).is_some()
    }

    /// Whether there is a node of this name that may have sessions, even if it cannot be reached.
    #[must_use]
    pub fn knows_node(&self, node: &str) -> bool {
        let is_it = |known: &Arc<str>| **known == *node;
        self.has_node(node) || self.0.across.known().iter().any(is_it)
    }
}
