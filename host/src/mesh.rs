//! Messages between the sessions of several nodes: the port between `session`, which knows
//! what they say, and `cluster`, which brings them, so that neither knows the other.
//!
//! Messages of one start of a node reach another in the order in which they were sent, each
//! once, over as many connections as that takes. Some may be lost, where there are more than
//! a link has room for, or a node is away for long: then the receiver hears of it.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

/// One start of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerNode {
    /// Name of the node.
    pub name: Arc<str>,
    /// Which of its starts it is.
    pub incarnation: Uuid,
}

/// The way to the sessions of the other nodes.
pub trait Mesh: Send + Sync + 'static {
    /// This node.
    fn this(&self) -> PeerNode;

    /// The other nodes with sessions, by their names: those that are linked, or have not been
    /// for less than 5 seconds.
    fn peers(&self) -> Vec<PeerNode>;

    /// Names of the other nodes that may have sessions, whether or not they can be reached: all
    /// that have announced some, but for those that have said goodbye, and those that have not
    /// been linked for an hour, which are forgotten.
    fn known(&self) -> Vec<Arc<str>>;

    /// Sends a message to one of them, behind all that was sent to it before. Waits for
    /// nobody. Whether it is on its way: it is not if the node is none of the
    /// [`peers`](Self::peers), or takes none that large. What is on its way may be lost; then
    /// the receiver hears [`News::Gap`].
    fn send(&self, to: &PeerNode, message: Bytes) -> bool;
}

/// Who hears what comes from other nodes.
pub trait Ears: Send + Sync + 'static {
    /// Hears what is new. Called in order for each node, and for several at a time; must not
    /// block. It may send.
    fn hear(&self, news: News);
}

/// What is heard of another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It is there: linked for the first time, or again after it was
    /// [`Unreachable`](Self::Unreachable). Nothing of what it said before holds.
    Joined(PeerNode),
    /// It is linked again. Whatever it has sent meanwhile comes now.
    Back(PeerNode),
    /// The link to it was lost just now.
    Away(PeerNode),
    /// It has not come back for 5 seconds; nothing can be sent to it.
    Unreachable(PeerNode),
    /// It ended, or another start of it has taken its place; nothing can be sent to it, and
    /// it does not come back.
    Left(PeerNode),
    /// Some of its messages are lost, nobody knows which: between those that were heard
    /// before and those that will be.
    Gap(PeerNode),
    /// It says something.
    Message {
        /// Who.
        from: PeerNode,
        /// What.
        message: Bytes,
    },
}

/// The way of a node that is in no cluster: there are no others.
#[derive(Clone, Debug)]
pub struct Alone(pub Arc<str>);

impl News {
    /// Of which node it is.
    #[must_use]
    pub fn peer(&self) -> &PeerNode {
        match self {
            Self::Joined(peer)
            | Self::Back(peer)
            | Self::Away(peer)
            | Self::Unreachable(peer)
            | Self::Left(peer)
            | Self::Gap(peer)
            | Self::Message { from: peer, .. } => peer,
        }
    }
}

impl Mesh for Alone {
    fn this(&self) -> PeerNode {
        PeerNode {
            name: Arc::clone(&self.0),
            incarnation: Uuid::nil(),
        }
    }

    fn peers(&self) -> Vec<PeerNode> {
        Vec::new()
    }

    fn known(&self) -> Vec<Arc<str>> {
        Vec::new()
    }

    fn send(&self, _: &PeerNode, _: Bytes) -> bool {
        false
    }
}
