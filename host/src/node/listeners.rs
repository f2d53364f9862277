//! The sockets that a node serves on.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use crate::config::NodeConfig;

/// Connections that may wait to be accepted: as many as Linux lets, unless it is told otherwise.
/// With the 128 that are usual, of thousands of clients that come back at once most would not be
/// heard, and try again after a second or more.
const WAITING: u32 = 4096;

/// The sockets that a node serves on.
#[derive(Debug)]
pub struct Listeners {
    /// For clients, over HTTP.
    pub http: TcpListener,
    /// For other nodes.
    pub cluster: TcpListener,
}

impl Listeners {
    /// Takes the addresses that the configuration names, for the runtime that this is awaited
    /// on.
    ///
    /// # Errors
    /// [`ListenError`] when one cannot be had.
    pub async fn bind(config: &NodeConfig) -> Result<Self, ListenError> {
        let bind = |address, flag| {
            listen(address).map_err(|source| ListenError {
                address,
                flag,
                source,
            })
        };
        Ok(Self {
            http: bind(config.listen, "--listen")?,
            cluster: bind(config.cluster.listen, "--cluster-listen")?,
        })
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // So that a node that starts again need not wait until its old connections are forgotten.
    // On Windows it would mean that two could listen.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn hundreds_may_come_at_once() {
        let free = ([127, 0, 0, 1], 0).into();
        let mut config = NodeConfig {
            listen: free,
            ..NodeConfig::default()
        };
        config.cluster.listen = free;
        let listeners = Listeners::bind(&config).await.unwrap();
        for listener in [listeners.http, listeners.cluster] {
            let address = listener.local_addr().unwrap();
            // Nobody accepts them meanwhile.
            let mut waiting = Vec::new();
            for _ in 0..300 {
                let connected = timeout(Duration::from_secs(30), TcpStream::connect(address));
                waiting.push(connected.await.expect("it is heard").unwrap());
            }
        }
    }
}
