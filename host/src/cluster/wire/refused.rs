//! Why two nodes do not link.

use std::sync::Arc;

use super::protocol::Refusal;
use super::protocol::refusal::Reason;

/// Why two nodes do not link; says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The protocol versions do not go together.
    #[error(
        "node `{node}` speaks version {theirs} of the cluster protocol and this node version {own}: upgrade one minor version at a time, the older node first"
    )]
    Version {
        /// Name of the other node.
        node: String,
        /// What it speaks.
        theirs: String,
        /// What this node speaks.
        own: String,
    },
    /// The nodes belong to different clusters.
    #[error(
        "node `{node}` belongs to cluster `{theirs}` and this node to `{own}`: give both the same --cluster-name, or take the address out of --join"
    )]
    Cluster {
        /// Name of the other node.
        node: String,
        /// Its cluster.
        theirs: String,
        /// This node's cluster.
        own: Arc<str>,
    },
    /// Another running node has that name, and was started later.
    #[error(
        "two running nodes are named `{node}`, at {here} and at {there}, and only the one started last is linked: give one of them another --node"
    )]
    Name {
        /// The name.
        node: Arc<str>,
        /// Where the one is reached that is known here.
        here: String,
        /// Where the other one is.
        there: String,
    },
    /// The certificate is not for the node that spoke.
    #[error(
        "the node at {address} says that it is `{node}`, but its certificate is not for that name: make one with `hearken cluster cert {node}`"
    )]
    Identity {
        /// The name that it gives itself.
        node: String,
        /// Where it is.
        address: String,
    },
    /// The node dialled itself.
    #[error("this is the node itself")]
    Itself,
    /// There is a link between the two nodes already.
    #[error("there is a link already")]
    Linked,
    /// The other side broke the protocol.
    #[error("it broke the protocol: {0}")]
    Protocol(String),
    /// The node said goodbye before.
    #[error("the node has left the cluster and must start again to come back")]
    Stopping,
    /// There is no room for another link.
    #[error("the node has links to {0} others already, as many as it can have")]
    Full(usize),
}

impl Refused {
    /// The reason as the protocol knows it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Version { .. } => Reason::Version,
            Self::Cluster { .. } => Reason::Cluster,
            Self::Name { .. } => Reason::Name,
            Self::Identity { .. } => Reason::Identity,
            Self::Itself => Reason::Self_,
            Self::Linked => Reason::Linked,
            Self::Protocol(_) => Reason::Protocol,
            Self::Stopping => Reason::Stopping,
            Self::Full(_) => Reason::Full,
        }
    }
}

impl From<&Refused> for Refusal {
    fn from(refused: &Refused) -> Self {
        Self {
            reason: refused.reason().into(),
            message: refused.to_string(),
        }
    }
}
