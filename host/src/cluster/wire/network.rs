//! The network as the cluster sees it: a seam, so that the same code runs on
//! sockets and in a simulation.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;

#[cfg(any(target_os = "android", target_os = "linux"))]
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

#[cfg(any(target_os = "android", target_os = "linux"))]
use crate::cluster::timing::UNACKNOWLEDGED;

/// Most bytes that wait in the system for the network, beyond those that are on their
/// way: what is behind them should be small.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNSENT: u32 = 128 << 10;

/// Look-ups of names at a time, those included that nobody waits for any more: the system's
/// cannot be called off, and each holds a thread.
const MAX_LOOK_UPS: usize = 64;

/// Of the process, as its threads are.
static LOOK_UPS: Semaphore = Semaphore::const_new(MAX_LOOK_UPS);

/// A boxed future, so that the seams can be trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Bytes both ways.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// An open connection to another node.
pub struct Connection {
    /// The bytes.
    pub io: Box<dyn Io>,
    /// This end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("local", &self.local)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

/// Opens connections. Callers set the deadlines.
pub trait Network: Send + Sync + 'static {
    /// Connects to an address.
    ///
    /// # Errors
    /// Those of the network.
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Connection>>;

    /// Looks up the addresses of `HOST:PORT`, where the host is a name or an
    /// address itself.
    ///
    /// # Errors
    /// Those of the resolver.
    fn resolve<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// Takes connections.
pub trait Listener: Send + 'static {
    /// Waits for the next connection.
    ///
    /// # Errors
    /// Those of the network, which may pass.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Connection>>;

    /// Where it listens.
    fn address(&self) -> SocketAddr;
}

/// The machine's network.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Network for Tcp {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Connection>> {
        Box::pin(async move { connection(TcpStream::connect(address).await?) })
    }

    fn resolve<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            // Looked up nowhere, and so not kept waiting by names that are.
            if let Ok(address) = address.parse::<SocketAddr>() {
                return Ok(vec![address]);
            }
            let permit = LOOK_UPS.acquire().await.map_err(io::Error::other)?;
            let address = address.to_owned();
            let looking = spawn_blocking(move || -> io::Result<Vec<SocketAddr>> {
                // Here, so that it is held for as long as the thread is.
                let _permit = permit;
                Ok(address.to_socket_addrs()?.collect())
            });
            looking.await.map_err(io::Error::other)?
        })
    }
}

/// A bound TCP socket.
#[derive(Debug)]
pub struct TcpAcceptor {
    listener: TcpListener,
    address: SocketAddr,
}

impl TcpAcceptor {
    /// Takes connections from `listener`.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn new(listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }
}

impl Listener for TcpAcceptor {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Connection>> {
        Box::pin(async move { connection(self.listener.accept().await?.0) })
    }

    fn address(&self) -> SocketAddr {
        self.address
    }
}

fn connection(stream: TcpStream) -> io::Result<Connection> {
    // Acks and pings are small and must not wait for more to be sent.
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "android", target_os = "linux"))]
    {
        let socket = SockRef::from(&stream);
        socket.set_tcp_notsent_lowat(UNSENT)?;
        socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    }
    Ok(Connection {
        local: stream.local_addr()?,
        remote: stream.peer_addr()?,
        io: Box::new(stream),
    })
}
