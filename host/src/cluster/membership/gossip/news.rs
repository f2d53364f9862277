//! What the links and the gossip tell each other.

use std::sync::Arc;

use bytes::Bytes;

use crate::cluster::membership::{Address, Member};

/// What happens to this node's links, in the order in which it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkNews {
    /// A link is up. It stays so until `Down` or `Left` with the same node and
    /// incarnation, or `Up` with another incarnation of the node.
    Up {
        /// The node at the other end.
        peer: Member,
        /// Where that node reaches this one. Only the first one counts, and only
        /// where the [`Settings`](super::Settings) do not name an address.
        local_address: Address,
    },
    /// A link broke. The node may come back.
    Down(Member),
    /// A node said goodbye over its link.
    Left(Member),
    /// A node sent a message of this protocol.
    Message {
        /// Who sent it, by the word of the link.
        from: Member,
        /// The message, from anybody and of any form.
        message: Bytes,
    },
    /// This node leaves the cluster. It is the last news: the others are told, and
    /// the membership ends with no candidates. To be sent before the links say
    /// goodbye, since over them the others are told, and since a node that has not
    /// left yet objects to those that say so.
    Leaving,
}

/// A message of this protocol to be sent over a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Name of the node that is to have it. It may have no link at the moment; then
    /// the message is to be dropped.
    pub to: Arc<str>,
    /// The message, of at most [`MAX_MESSAGE_BYTES`](super::MAX_MESSAGE_BYTES).
    pub message: Bytes,
}
