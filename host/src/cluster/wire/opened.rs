//! Streams between two nodes of which neither has spoken.

use std::net::SocketAddr;
use std::sync::Arc;

use super::admission::{Greeting, Usage};
use super::channel::Channel;
use super::traffic::Traffic;
use crate::cluster::tls::PeerCertificate;

/// A connection as both ends see it.
#[derive(Clone)]
pub(in crate::cluster) struct Ends {
    pub(in crate::cluster) local: SocketAddr,
    pub(in crate::cluster) remote: SocketAddr,
    /// Whom the other side's certificate is for; nothing without TLS.
    pub(in crate::cluster) certificate: Option<PeerCertificate>,
    /// What comes over it.
    pub(in crate::cluster) traffic: Arc<Traffic>,
    /// Whether the connection is used for anything.
    pub(in crate::cluster) usage: Arc<Usage>,
}

/// A stream before either side has spoken.
pub(in crate::cluster) struct Opened {
    pub(in crate::cluster) channel: Channel,
    pub(in crate::cluster) ends: Ends,
    /// Whether this node dialled.
    pub(in crate::cluster) dialled: bool,
    /// Held until it is known who is at the other end; nothing where this node dialled.
    pub(in crate::cluster) greeting: Option<Greeting>,
}
