//! The first half of the handshake: both sides say who they are.

use std::net::SocketAddr;
use std::sync::Arc;

use super::admission::network;
use super::channel::{Greeted, Lost};
use super::failures::FailureLog;
use super::handshake::{Identity, Peer};
use super::opened::{Ends, Opened};
use super::protocol::Hello;
use super::protocol::frame::Kind;
use super::refused::Refused;
use crate::cluster::tls::PeerCertificate;

/// Greets other nodes in this node's name.
#[derive(Debug)]
pub(in crate::cluster) struct Greeter {
    pub(in crate::cluster) identity: Identity,
    /// Where this node listens.
    pub(in crate::cluster) listening: SocketAddr,
    /// Where it says that it is reached; nothing for the address at which the other
    /// node happens to see it.
    pub(in crate::cluster) advertise: Option<Arc<str>>,
    pub(in crate::cluster) failures: Arc<FailureLog>,
    /// Whether its sessions hear those of other nodes.
    pub(in crate::cluster) sessions: bool,
}

impl Greeter {
    /// Finds out who is at the other end.
    ///
    /// # Errors
    /// [`Lost`] when one side does not want the other; both have been told then.
    pub(in crate::cluster) async fn greet(&self, opened: Opened) -> Result<Greeted, Lost> {
        let Opened {
            mut channel,
            ends,
            dialled,
            greeting: _greeting,
        } = opened;
        let own_address = self.address(&ends);
        let hello = Hello {
            sessions: self.sessions,
            ..self.identity.hello(&own_address)
        };
        channel.outgoing.send(Kind::Hello(hello)).await?;
        let hello = channel.incoming.recv_hello().await?;
        let peer = match self.check(&own_address, &hello, &ends) {
            Ok(peer) => peer,
            Err(refused) => {
                channel.refuse(&refused).await;
                return Err(refused.into());
            }
        };
        let resume = if dialled {
            None
        } else {
            Some(channel.incoming.recv_resume().await?)
        };
        Ok(Greeted {
            channel,
            from: network(ends.remote.ip()).to_string().into(),
            peer,
            own_address,
            resume,
        })
    }

    /// Where the other end reaches this node.
    fn address(&self, ends: &Ends) -> Arc<str> {
        match &self.advertise {
            Some(address) => Arc::clone(address),
            None if self.listening.ip().is_unspecified() => {
                let reached = SocketAddr::new(ends.local.ip(), self.listening.port());
                reached.to_string().into()
            }
            None => self.listening.to_string().into(),
        }
    }

    fn check(&self, own_address: &str, hello: &Hello, ends: &Ends) -> Result<Peer, Refused> {
        let peer = self.identity.check(own_address, hello)?;
        let forged = |certificate: &PeerCertificate| !certificate.is_for(&peer.node);
        if ends.certificate.as_ref().is_some_and(forged) {
            return Err(Refused::Identity {
                node: hello.node.clone(),
                // Without the port, which differs from one connection to the next.
                address: ends.remote.ip().to_string(),
            });
        }
        Ok(peer)
    }
}
