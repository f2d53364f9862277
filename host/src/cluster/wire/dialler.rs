//! From addresses to gRPC streams: dials other nodes.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel as Http2, Endpoint};

use super::admission::Usage;
use super::channel::{Channel, FRAMES_AHEAD, Incoming, Outgoing};
use super::http2::{FRAME_ALLOWANCE, HTTP2_FRAME, Http2Io, MAX_ON_THE_WAY, MAX_PART, WINDOW};
use super::network::Network;
use super::opened::Opened;
use super::protocol::cluster_client::ClusterClient;
use super::protocol::passing_client::PassingClient;
use super::text::shown;
use super::traffic::{Hold, Traffic, watched};
use crate::cluster::timing::{DIAL, DIAL_NAME, MEASURE, UNACKNOWLEDGED};
use crate::cluster::tls::{PeerCertificate, Tls};

/// What of each answer to a request is sent ahead, in bytes, when nobody takes it: it holds
/// up no other, as long as all of them fit.
pub(in crate::cluster) const REQUESTS_WINDOW: u32 = 128 << 10;

/// The same of all answers together.
const REQUESTS_WINDOWS: u32 = REQUESTS_WINDOW * MAX_ON_THE_WAY;

/// Names of which it is remembered at which address to begin.
const MAX_BEGINS: usize = 256;

/// Why no stream was opened.
#[derive(Debug, thiserror::Error)]
pub(in crate::cluster) enum DialError {
    #[error("cannot look up the address: {0}")]
    Resolve(io::Error),
    #[error("the name has no address")]
    NoAddress,
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error(
        "it leads to {0}, which is not on this machine, and links are not encrypted: give the nodes certificates (`hearken cluster cert`), or allow it with --cluster-allow-plaintext"
    )]
    Plaintext(SocketAddr),
    #[error("the TLS handshake failed: {0}")]
    Tls(io::Error),
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Silent(Duration),
    #[error("it does not speak the cluster protocol: {0}")]
    Protocol(String),
    #[error(
        "it does not speak the cluster protocol in plain text: {0}; if the other nodes have certificates, give this one its own (`hearken cluster cert`)"
    )]
    PlainText(String),
}

impl DialError {
    /// What kind of failure it is, in a word that no stranger chooses.
    pub(in crate::cluster) fn kind(&self) -> &'static str {
        match self {
            Self::Resolve(_) => "resolve",
            Self::NoAddress => "no address",
            Self::Connect(_) => "connect",
            Self::Plaintext(_) => "plaintext",
            Self::Tls(_) => "tls",
            Self::Silent(_) => "silent",
            Self::Protocol(_) | Self::PlainText(_) => "protocol",
        }
    }
}

/// Opens streams to other nodes.
pub(in crate::cluster) struct Dialler {
    pub(in crate::cluster) network: Arc<dyn Network>,
    pub(in crate::cluster) tls: Option<Tls>,
    /// Whether plain text may leave the machine.
    pub(in crate::cluster) allow_plaintext: bool,
    pub(in crate::cluster) max_event_bytes: usize,
    pub(in crate::cluster) begins: Begins,
}

/// With which of its addresses, from 0, a name is begun: those that have more than can be tried
/// in time would never have the last of them tried.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Begins(Mutex<BTreeMap<String, usize>>);

impl Begins {
    fn of(&self, name: &str) -> usize {
        self.lock().get(name).copied().unwrap_or(0)
    }

    fn set(&self, name: &str, at: usize) {
        let mut begins = self.lock();
        if begins.len() >= MAX_BEGINS && !begins.contains_key(name) {
            // It begins with its first address again.
            begins.pop_first();
        }
        begins.insert(name.to_owned(), at);
    }

    fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What carries requests to a node.
pub(in crate::cluster) struct Requests {
    pub(in crate::cluster) client: PassingClient<Http2>,
    /// Whom the node's certificate is for; nothing without TLS.
    pub(in crate::cluster) certificate: Option<PeerCertificate>,
    /// There as long as the connection is.
    pub(in crate::cluster) alive: Weak<Usage>,
    /// What comes over it: something each second, as long as a request is on its way.
    pub(in crate::cluster) traffic: Arc<Traffic>,
    /// Ends the connection.
    pub(in crate::cluster) hold: Hold,
}

impl Dialler {
    /// Opens a stream to the node at `HOST:PORT`; tries the addresses of a name one
    /// after the other.
    pub(in crate::cluster) async fn dial(&self, address: &str) -> Result<Opened, DialError> {
        self.first(address, |address| self.open(address)).await
    }

    /// Opens a connection for requests to the node at `HOST:PORT`.
    pub(in crate::cluster) async fn dial_for_requests(
        &self,
        address: &str,
    ) -> Result<Requests, DialError> {
        self.first(address, |address| self.open_for_requests(address))
            .await
    }

    /// What `open` makes of the first address of a name with which it succeeds. It begins with
    /// those to which it has not come the last time, or with the one that has answered since.
    async fn first<T, F>(&self, name: &str, open: impl Fn(SocketAddr) -> F) -> Result<T, DialError>
    where
        F: Future<Output = Result<T, DialError>>,
    {
        let mut failed = DialError::NoAddress;
        let addresses = self.resolve(name).await?;
        let begin = self.begins.of(name);
        let until = Instant::now() + DIAL_NAME;
        for tried in 0..addresses.len() {
            let at = (begin + tried) % addresses.len();
            let Some(deadline) = deadline(until) else {
                self.begins.set(name, at);
                return Err(failed);
            };
            match timeout_at(deadline, open(addresses[at])).await {
                Ok(Ok(opened)) => {
                    if begin > 0 {
                        self.begins.set(name, at);
                    }
                    return Ok(opened);
                }
                Ok(Err(error)) => failed = error,
                Err(_) => failed = DialError::Silent(DIAL),
            }
        }
        self.begins.forget(name);
        Err(failed)
    }

    async fn resolve(&self, address: &str) -> Result<Vec<SocketAddr>, DialError> {
        let lookup = self.network.resolve(address);
        timeout(DIAL, lookup)
            .await
            .map_err(|_| DialError::Silent(DIAL))?
            .map_err(DialError::Resolve)
    }

    async fn open(&self, address: SocketAddr) -> Result<Opened, DialError> {
        let io = self.connect(address).await?;
        let ends = io.ends.clone();
        let channel = self.stream(io).await;
        Ok(Opened {
            channel: channel.map_err(|error| self.not_spoken(error))?,
            ends,
            dialled: true,
            greeting: None,
        })
    }

    async fn open_for_requests(&self, address: SocketAddr) -> Result<Requests, DialError> {
        let io = self.connect(address).await?;
        let certificate = io.ends.certificate.clone();
        let alive = Arc::downgrade(&io.ends.usage);
        let traffic = Arc::clone(&io.ends.traffic);
        let hold = Hold::of(&traffic);
        // The other side says nothing by itself before it answers. Whoever asks looks at what
        // comes, since a line that is slow and one that is cut differ by how much was sent.
        let endpoint = endpoint(REQUESTS_WINDOW, REQUESTS_WINDOWS)
            .http2_keep_alive_interval(MEASURE)
            .keep_alive_timeout(UNACKNOWLEDGED);
        let http2 = http2(io, endpoint).await;
        let http2 = http2.map_err(|error| self.not_spoken(error))?;
        Ok(Requests {
            client: PassingClient::new(http2).max_decoding_message_size(MAX_PART),
            certificate,
            alive,
            traffic,
            hold,
        })
    }

    /// A connection on which HTTP/2 can begin.
    async fn connect(&self, address: SocketAddr) -> Result<Http2Io, DialError> {
        // Looked at here and not only where it is configured: names lead anywhere, and
        // other nodes tell of addresses.
        if self.tls.is_none() && !self.allow_plaintext && !address.ip().to_canonical().is_loopback()
        {
            return Err(DialError::Plaintext(address));
        }
        let connection = self.network.dial(address);
        let (connection, traffic) = watched(connection.await.map_err(DialError::Connect)?);
        Ok(match &self.tls {
            Some(tls) => {
                let secured = tls.connect(connection).await.map_err(DialError::Tls)?;
                Http2Io::secured(secured, traffic)
            }
            None => Http2Io::plain(connection, traffic),
        })
    }

    async fn stream(&self, io: Http2Io) -> Result<Channel, String> {
        let traffic = Arc::clone(&io.ends.traffic);
        let hold = Hold::of(&traffic);
        let http2 = http2(io, endpoint(WINDOW, WINDOW)).await?;
        let (sender, frames) = mpsc::channel(FRAMES_AHEAD);
        let answer = ClusterClient::new(http2)
            .max_decoding_message_size(self.max_event_bytes + FRAME_ALLOWANCE)
            .link(ReceiverStream::new(frames))
            .await
            .map_err(|status| shown(status.message()))?;
        Ok(Channel {
            incoming: Incoming::dialled(answer.into_inner(), traffic),
            outgoing: Outgoing::Dialled(sender),
            hold,
        })
    }

    /// Whoever answers does not speak the protocol.
    fn not_spoken(&self, error: String) -> DialError {
        match self.tls {
            Some(_) => DialError::Protocol(error),
            None => DialError::PlainText(error),
        }
    }
}

/// When the next address of a name is given up, of which all are at `until`; nothing from then
/// on.
fn deadline(until: Instant) -> Option<Instant> {
    let now = Instant::now();
    (now < until).then(|| until.min(now + DIAL))
}

/// The other end, where each stream, and all together, may be sent that many bytes ahead.
fn endpoint(stream: u32, all: u32) -> Endpoint {
    // The name is not looked at: the connection is there already.
    Endpoint::from_static("http://node")
        .initial_stream_window_size(stream)
        .initial_connection_window_size(all)
        .max_frame_size(HTTP2_FRAME)
}

/// Begins HTTP/2 on a connection.
async fn http2(io: Http2Io, endpoint: Endpoint) -> Result<Http2, String> {
    let mut connection = Some(TokioIo::new(io));
    let once = tower::service_fn(move |_| {
        let again = || io::Error::other("the connection is used up");
        std::future::ready(connection.take().ok_or_else(again))
    });
    let connected = endpoint.connect_with_connector(once).await;
    connected.map_err(|error| with_sources(&error))
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
