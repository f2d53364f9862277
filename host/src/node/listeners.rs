//! The sockets that a node serves on.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::config::NodeConfig;

/// The sockets that a node serves on.
#[derive(Debug)]
pub struct Listeners {
    /// For clients, over HTTP.
    pub http: TcpListener,
    /// For other nodes.
    pub cluster: TcpListener,
}

impl Listeners {
    /// Takes the addresses that the configuration names.
    ///
    /// # Errors
    /// [`ListenError`] when one cannot be had.
    pub async fn bind(config: &NodeConfig) -> Result<Self, ListenError> {
        let bind = async |address, flag| {
            let bound = TcpListener::bind(address).await;
            bound.map_err(|source| ListenError {
                address,
                flag,
                source,
            })
        };
        Ok(Self {
            http: bind(config.listen, "--listen").await?,
            cluster: bind(config.cluster.listen, "--cluster-listen").await?,
        })
    }
}

/// A node cannot serve on an address.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address}: {source}; stop what listens there, or choose another address with `{flag}`"
)]
pub struct ListenError {
    address: SocketAddr,
    flag: &'static str,
    source: std::io::Error,
}
