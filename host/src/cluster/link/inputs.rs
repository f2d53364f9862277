//! What the hub has to say to the task of one start of a node.

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::offers::Offers;
use super::superseded::Superseded;

/// How the hub reaches a peer's task.
pub(in crate::cluster) struct PeerInputs {
    /// Connections whose two sides know each other.
    pub(in crate::cluster) offers: Offers,
    /// Messages of the membership to the node.
    pub(in crate::cluster) messages: mpsc::Receiver<Bytes>,
    /// This node leaves.
    pub(in crate::cluster) stop: CancellationToken,
    /// The other node has started again.
    pub(in crate::cluster) superseded: Superseded,
}
