//! The first half of the handshake: both sides say who they are.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::channel::{Greeted, Lost};
use super::handshake::{Identity, Refused};
use super::membership::Address;
use super::protocol::Hello;
use super::protocol::frame::Kind;
use super::protocol::refusal::Reason;
use super::timing::COMPLAIN_AGAIN;
use super::transport::{Ends, Opened};

/// Greets other nodes in this node's name.
#[derive(Debug)]
pub(super) struct Greeter {
    pub(super) identity: Identity,
    /// Where this node listens.
    pub(super) listening: SocketAddr,
    /// Where it says that it is reached; nothing for the address at which the other
    /// node happens to see it.
    pub(super) advertise: Option<Address>,
    pub(super) complaints: Arc<Complaints>,
}

impl Greeter {
    /// Finds out who is at the other end.
    ///
    /// # Errors
    /// [`Lost`] when one side does not want the other; both have been told then.
    pub(super) async fn greet(&self, opened: Opened) -> Result<Greeted, Lost> {
        let Opened {
            mut channel,
            ends,
            dialled,
        } = opened;
        let own_address = self.address(&ends);
        let hello = self.identity.hello(&own_address);
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
            peer,
            own_address,
            resume,
        })
    }

    /// Where the other end reaches this node.
    fn address(&self, ends: &Ends) -> Address {
        match &self.advertise {
            Some(address) => Arc::clone(address),
            None if self.listening.ip().is_unspecified() => {
                let reached = SocketAddr::new(ends.local.ip(), self.listening.port());
                reached.to_string().into()
            }
            None => self.listening.to_string().into(),
        }
    }

    fn check(
        &self,
        own_address: &str,
        hello: &Hello,
        ends: &Ends,
    ) -> Result<super::handshake::Peer, Refused> {
        let peer = self.identity.check(own_address, hello)?;
        let forged = |certificate: &super::tls::PeerCertificate| !certificate.is_for(&peer.node);
        if ends.certificate.as_ref().is_some_and(forged) {
            return Err(Refused::Identity {
                node: hello.node.clone(),
                address: ends.remote.to_string(),
            });
        }
        Ok(peer)
    }
}

/// Why other nodes are not linked, said once and not at every attempt.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<BTreeMap<Arc<str>, Complaint>>);

#[derive(Debug)]
struct Complaint {
    text: String,
    at: Instant,
}

/// Most nodes that are remembered.
const MAX_COMPLAINTS: usize = 1024;

impl Complaints {
    /// Logs why there is no link to `address`, unless that was said lately.
    pub(super) fn about(&self, address: &str, lost: &Lost) {
        let expected = match lost {
            Lost::Refuses(Refused::Linked | Refused::Itself)
            | Lost::Replaced
            | Lost::Superseded => true,
            Lost::Refused(refusal) => {
                matches!(refusal.reason(), Reason::Linked | Reason::Self_)
            }
            _ => false,
        };
        if expected {
            tracing::debug!(address, reason = %lost, "no link was made");
            return;
        }
        if !self.is_new(address, lost.to_string()) {
            return;
        }
        match lost {
            Lost::Refuses(refused) => tracing::error!(address, "refused a node: {refused}"),
            Lost::Refused(refusal) => {
                tracing::error!(address, "refused by a node: {}", refusal.message);
            }
            lost => tracing::warn!(address, "no link was made: {lost}"),
        }
    }

    /// Logs why `address` cannot be dialled, unless that was said lately.
    pub(super) fn about_dialling(&self, address: &str, error: &super::transport::DialError) {
        if self.is_new(address, error.to_string()) {
            tracing::warn!(address, "cannot dial a node, trying on: {error}");
        }
    }

    /// Logs why a connection from `address` was not taken, unless that was said lately.
    pub(super) fn about_securing(&self, address: &str, error: &std::io::Error) {
        if self.is_new(address, error.to_string()) {
            tracing::warn!(address, "the TLS handshake of another node failed: {error}");
        }
    }

    fn is_new(&self, about: &str, text: String) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = said.get(about);
        if known.is_some_and(|known| known.text == text && known.at.elapsed() < COMPLAIN_AGAIN) {
            return false;
        }
        if said.len() >= MAX_COMPLAINTS {
            said.clear();
        }
        let at = Instant::now();
        said.insert(about.into(), Complaint { text, at });
        true
    }
}
