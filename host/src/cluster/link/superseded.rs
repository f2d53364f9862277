//! Whether another start of a node has taken the place of one.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::cluster::membership::Address;
use crate::cluster::wire::handshake::Peer;
use crate::cluster::wire::refused::Refused;

/// Whether the other node has started again, and where. Clones share it.
#[derive(Clone, Debug, Default)]
pub(in crate::cluster) struct Superseded {
    cancelled: CancellationToken,
    address: Arc<OnceLock<Address>>,
}

impl Superseded {
    /// The node has started again, and is at an address.
    pub(in crate::cluster) fn by(&self, address: &Address) {
        // Fails where it has started twice: the first of them is named.
        let _ = self.address.set(Arc::clone(address));
        self.cancelled.cancel();
    }

    /// Waits until the node has started again.
    pub(in crate::cluster) async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }

    /// What an earlier start of `peer` is told.
    pub(in crate::cluster) fn refusal(&self, peer: &Peer) -> Refused {
        let here = self.address.get().map(ToString::to_string);
        Refused::Name {
            node: Arc::clone(&peer.node),
            here: here.unwrap_or_default(),
            there: peer.address.to_string(),
        }
    }
}
