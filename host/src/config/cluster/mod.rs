//! The configuration of a node's part in a cluster.

mod flags;
mod form;
mod layer;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};

pub use crate::cluster::tls::TlsFiles;
pub use flags::ClusterFlags;
pub(super) use layer::ClusterLayer;

/// Port at which a node takes other nodes' connections, and at which it looks for
/// others unless told.
pub const CLUSTER_PORT: u16 = 7071;

/// Where a node takes other nodes' connections unless told: nobody reaches it who
/// is not on this machine.
const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), CLUSTER_PORT);

/// The same for a node that knows whom it talks to, or was told not to care.
const EVERYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), CLUSTER_PORT);

/// What a node needs to know of its cluster before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSettings {
    /// Name of the cluster, of the form of a node's name; nodes of another cluster
    /// are refused. Default: `hearken`.
    pub name: String,
    /// Where other nodes connect; port 0 takes any free one. Default:
    /// 127.0.0.1:7071, with `tls` or `allow_plaintext` 0.0.0.0:7071.
    pub listen: SocketAddr,
    /// `HOST:PORT` at which other nodes are told to connect; the port is not 0 and an
    /// IP address is not unspecified. Default: the address that `listen` took, where
    /// that is unspecified the local address of each connection with its port.
    pub advertise: Option<String>,
    /// `HOST:PORT` of nodes to join, each an IP address or a name that is resolved
    /// again and again; one's own address does no harm. Default: none.
    pub join: Vec<String>,
    /// Whether links may leave the machine although nothing is encrypted and nobody
    /// is asked who they are. Default: `false`.
    pub allow_plaintext: bool,
    /// What links are encrypted and nodes known by. Default: neither.
    pub tls: Option<TlsFiles>,
}

impl Default for ClusterSettings {
    /// A cluster `hearken` on loopback, with nobody to join.
    fn default() -> Self {
        Self {
            name: "hearken".to_owned(),
            listen: LOOPBACK,
            advertise: None,
            join: Vec::new(),
            allow_plaintext: false,
            tls: None,
        }
    }
}
