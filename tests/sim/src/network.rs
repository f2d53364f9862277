//! The simulated network behind the cluster's seam: counts bytes, and makes a
//! node's part of it as slow as the scenario wants.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hearken::cluster::network::{BoxFuture, Connection, Listener, Network};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use turmoil::net::{TcpListener, TcpStream};

/// Port at which every node listens for others.
pub const PORT: u16 = 7071;

/// Most bytes that a slow node moves at once.
const SLOW_PIECE: usize = 4 << 10;

/// How often in a second a slow node moves bytes at least, so that slow means steadily
/// slow.
const SLOW_PIECES: u64 = 50;

/// A node's connection to the network, over all its starts.
#[derive(Debug, Default)]
pub struct Wire {
    /// Bytes received.
    pub received: AtomicU64,
    /// Bytes sent.
    pub sent: AtomicU64,
    /// Bytes a second, each way and for each connection; 0 for as fast as it goes.
    pub rate: AtomicU64,
}

impl Wire {
    /// Most bytes that may be moved at once, if that is limited.
    fn piece(&self) -> Option<usize> {
        let rate = self.rate.load(Ordering::Relaxed);
        let piece = usize::try_from(rate / SLOW_PIECES).unwrap_or(usize::MAX);
        (rate > 0).then_some(piece.clamp(1, SLOW_PIECE))
    }

    /// How long `bytes` take.
    fn delay(&self, bytes: usize) -> Option<Duration> {
        let rate = self.rate.load(Ordering::Relaxed);
        let nanos = (bytes as u64 * 1_000_000_000).checked_div(rate)?;
        Some(Duration::from_nanos(nanos))
    }
}

/// Opens simulated connections of one node.
#[derive(Debug)]
pub struct Simulated(pub Arc<Wire>);

impl Network for Simulated {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Connection>> {
        Box::pin(async move { connection(TcpStream::connect(address).await?, &self.0) })
    }

    fn resolve<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            let (host, port) = address
                .rsplit_once(':')
                .ok_or_else(|| io::Error::other("no port"))?;
            let port = port.parse().map_err(io::Error::other)?;
            let ip = match host.parse::<IpAddr>() {
                Ok(ip) => ip,
                Err(_) => turmoil::lookup(host),
            };
            Ok(vec![SocketAddr::new(ip, port)])
        })
    }
}

/// Takes simulated connections of one node.
pub struct SimulatedListener {
    listener: TcpListener,
    address: SocketAddr,
    wire: Arc<Wire>,
}

impl SimulatedListener {
    /// Listens on all addresses of the node.
    ///
    /// # Errors
    /// When the node listens already.
    pub async fn bind(wire: Arc<Wire>) -> io::Result<Self> {
        let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
        let address = listener.local_addr()?;
        Ok(Self {
            listener,
            address,
            wire,
        })
    }
}

impl Listener for SimulatedListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Connection>> {
        Box::pin(async move { connection(self.listener.accept().await?.0, &self.wire) })
    }

    fn address(&self) -> SocketAddr {
        self.address
    }
}

fn connection(stream: TcpStream, wire: &Arc<Wire>) -> io::Result<Connection> {
    Ok(Connection {
        local: stream.local_addr()?,
        remote: stream.peer_addr()?,
        io: Box::new(Metered {
            stream,
            wire: Arc::clone(wire),
            reading: Pace::default(),
            writing: Pace::default(),
        }),
    })
}

/// Holds one direction of a connection back after each piece that it moved.
#[derive(Default)]
struct Pace(Option<Pin<Box<Sleep>>>);

impl Pace {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(pause) = &mut self.0 {
            ready!(pause.as_mut().poll(cx));
            self.0 = None;
        }
        Poll::Ready(())
    }

    fn moved(&mut self, bytes: usize, wire: &Wire) {
        self.0 = wire.delay(bytes).map(|delay| Box::pin(sleep(delay)));
    }
}

/// A connection whose bytes are counted.
struct Metered {
    stream: TcpStream,
    wire: Arc<Wire>,
    reading: Pace,
    writing: Pace,
}

impl AsyncRead for Metered {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.reading.poll(cx));
        let before = buffer.filled().len();
        if let Some(most) = this.wire.piece() {
            let mut piece = [0; SLOW_PIECE];
            let room = buffer.remaining().min(most);
            let mut piece = ReadBuf::new(&mut piece[..room]);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut piece))?;
            buffer.put_slice(piece.filled());
        } else {
            ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        }
        let read = buffer.filled().len() - before;
        this.wire.received.fetch_add(read as u64, Ordering::Relaxed);
        this.reading.moved(read, &this.wire);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.writing.poll(cx));
        let most = this.wire.piece().unwrap_or(usize::MAX);
        let piece = bytes.len().min(most);
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, &bytes[..piece]))?;
        this.wire.sent.fetch_add(written as u64, Ordering::Relaxed);
        this.writing.moved(written, &this.wire);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
