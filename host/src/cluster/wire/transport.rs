//! From connections to gRPC streams: dials, and serves those who dial.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

use super::admission::{Admission, Greeting, InUse, Place, Usage, network};
use super::arrived::Arrived;
use super::channel::{Channel, FRAMES_AHEAD, Incoming, Outgoing};
use super::complaints::Complaints;
use super::handshake::shown;
use super::network::{Connection, Listener, Network};
use super::protocol::Frame;
use super::protocol::cluster_client::ClusterClient;
use super::protocol::cluster_server::{Cluster, ClusterServer};
use super::traffic::{Hold, Traffic, watched};
use crate::cluster::timing::{DIAL, HANDSHAKE_STEP};
use crate::cluster::tls::{PeerCertificate, Tls};

/// What HTTP/2 lets the other side send ahead, in bytes: what a link at full speed
/// sends in a few milliseconds.
const WINDOW: u32 = 4 << 20;

/// Largest HTTP/2 frame that is taken, in bytes: what HTTP/2 itself has to say does not
/// wait behind more.
const HTTP2_FRAME: u32 = 64 << 10;

/// What a frame of the protocol may be larger than the largest event, in bytes: a
/// frame is full at 256 KiB.
const FRAME_ALLOWANCE: usize = 1 << 20;

/// Wait after the listener failed, e.g. for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

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
}

impl Dialler {
    /// Opens a stream to the node at `HOST:PORT`; tries the addresses of a name one
    /// after the other.
    pub(in crate::cluster) async fn dial(&self, address: &str) -> Result<Opened, DialError> {
        let lookup = self.network.resolve(address);
        let addresses = timeout(DIAL, lookup)
            .await
            .map_err(|_| DialError::Silent(DIAL))?
            .map_err(DialError::Resolve)?;
        let mut failed = DialError::NoAddress;
        for address in addresses {
            match timeout(DIAL, self.open(address)).await {
                Ok(Ok(opened)) => return Ok(opened),
                Ok(Err(error)) => failed = error,
                Err(_) => failed = DialError::Silent(DIAL),
            }
        }
        Err(failed)
    }

    async fn open(&self, address: SocketAddr) -> Result<Opened, DialError> {
        // Looked at here and not only where it is configured: names lead anywhere, and
        // other nodes tell of addresses.
        if self.tls.is_none() && !self.allow_plaintext && !address.ip().to_canonical().is_loopback()
        {
            return Err(DialError::Plaintext(address));
        }
        let connection = self.network.dial(address);
        let (connection, traffic) = watched(connection.await.map_err(DialError::Connect)?);
        let arrived = match &self.tls {
            Some(tls) => {
                let secured = tls.connect(connection).await.map_err(DialError::Tls)?;
                Arrived::secured(secured, traffic)
            }
            None => Arrived::plain(connection, traffic),
        };
        let ends = arrived.ends.clone();
        let channel = self.stream(arrived).await;
        Ok(Opened {
            channel: channel.map_err(if self.tls.is_some() {
                DialError::Protocol
            } else {
                DialError::PlainText
            })?,
            ends,
            dialled: true,
            greeting: None,
        })
    }

    async fn stream(&self, arrived: Arrived) -> Result<Channel, String> {
        let traffic = Arc::clone(&arrived.ends.traffic);
        let hold = Hold::of(&traffic);
        let mut connection = Some(TokioIo::new(arrived));
        let once = tower::service_fn(move |_| {
            let again = || io::Error::other("the connection is used up");
            std::future::ready(connection.take().ok_or_else(again))
        });
        // The name is not looked at: the connection is there already.
        let http2 = Endpoint::from_static("http://node")
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_frame_size(HTTP2_FRAME)
            .connect_with_connector(once)
            .await
            .map_err(|error| with_sources(&error))?;
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

/// Takes the streams of those who dial this node.
pub(in crate::cluster) struct Acceptor {
    pub(in crate::cluster) listener: Box<dyn Listener>,
    pub(in crate::cluster) tls: Option<Tls>,
    pub(in crate::cluster) max_event_bytes: usize,
    pub(in crate::cluster) complaints: Arc<Complaints>,
    /// Where the streams go.
    pub(in crate::cluster) opened: mpsc::Sender<Opened>,
}

impl Acceptor {
    /// Serves until it is dropped.
    ///
    /// # Errors
    /// Those of the server, which do not pass.
    pub(in crate::cluster) async fn run(self) -> Result<(), tonic::transport::Error> {
        let (arrived, arriving) = mpsc::channel(1);
        let admission = Admission::default();
        let secure = Secure {
            tls: self.tls,
            complaints: self.complaints,
            arrived,
        };
        let service = ClusterServer::new(Service {
            opened: self.opened,
            admission: admission.clone(),
        })
        .max_decoding_message_size(self.max_event_bytes + FRAME_ALLOWANCE);
        let serve = Server::builder()
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_frame_size(HTTP2_FRAME)
            .max_concurrent_streams(1)
            .add_service(service)
            .serve_with_incoming(ReceiverStream::new(arriving));
        tokio::select! {
            biased;
            served = serve => served,
            () = accept(self.listener, secure, &admission) => Ok(()),
        }
    }
}

/// Hands on connections for as long as somebody takes them.
async fn accept(mut listener: Box<dyn Listener>, secure: Secure, admission: &Admission) {
    let mut handshakes: JoinSet<()> = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(_) = handshakes.join_next() => {}
            connection = listener.accept() => match connection {
                Ok(connection) => {
                    let remote = connection.remote.ip();
                    match admission.admit(remote) {
                        Ok(place) => {
                            handshakes.spawn(secure.clone().hand_on(connection, place));
                        }
                        Err(crowded) => {
                            let from = network(remote).to_string();
                            secure.complaints.about_crowding(&from, &crowded);
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection of another node");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }
}

/// Takes connections through their TLS handshake.
#[derive(Clone)]
struct Secure {
    tls: Option<Tls>,
    complaints: Arc<Complaints>,
    arrived: mpsc::Sender<io::Result<Arrived>>,
}

impl Secure {
    async fn hand_on(self, connection: Connection, mut place: Place) {
        let remote = connection.remote.ip();
        let (connection, traffic) = watched(connection);
        let mut arrived = match self.tls {
            None => Arrived::plain(connection, traffic),
            Some(tls) => {
                let secured = timeout(HANDSHAKE_STEP, tls.accept(connection)).await;
                match secured.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                    Ok(secured) => Arrived::secured(secured, traffic),
                    Err(error) => {
                        let from = network(remote).to_string();
                        self.complaints.about_securing(&from, &error);
                        return;
                    }
                }
            }
        };
        place.arrived();
        arrived.ends.usage = place.usage();
        arrived.place = Some(place);
        // Fails when the server has ended.
        let _ = self.arrived.send(Ok(arrived)).await;
    }
}

/// The gRPC service: hands on every stream.
struct Service {
    opened: mpsc::Sender<Opened>,
    admission: Admission,
}

#[tonic::async_trait]
impl Cluster for Service {
    type LinkStream = ReceiverStream<Result<Frame, Status>>;

    async fn link(
        &self,
        request: Request<Streaming<Frame>>,
    ) -> Result<Response<Self::LinkStream>, Status> {
        let ends = request.extensions().get::<Ends>().cloned();
        let ends = ends.ok_or_else(|| Status::internal("the connection has no ends"))?;
        let too_many = || Status::resource_exhausted("too many links are being made");
        let Some(greeting) = self.admission.greet(ends.remote.ip()) else {
            return Err(too_many());
        };
        let (sender, frames) = mpsc::channel(FRAMES_AHEAD);
        let opened = Opened {
            channel: Channel {
                incoming: Incoming::answered(
                    request.into_inner(),
                    Arc::clone(&ends.traffic),
                    InUse::new(&ends.usage),
                ),
                outgoing: Outgoing::Answered(sender),
                hold: Hold::of(&ends.traffic),
            },
            ends,
            dialled: false,
            greeting: Some(greeting),
        };
        if let Err(rejected) = self.opened.try_send(opened) {
            // The answer has to reach the other side.
            rejected.into_inner().channel.hold.release();
            return Err(too_many());
        }
        Ok(Response::new(ReceiverStream::new(frames)))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout_at};

    use super::*;
    use crate::cluster::wire::network::BoxFuture;

    /// Connections from one address without end.
    struct Flood {
        others: Vec<tokio::io::DuplexStream>,
        left: usize,
    }

    impl Listener for Flood {
        fn accept(&mut self) -> BoxFuture<'_, io::Result<Connection>> {
            if self.left == 0 {
                return Box::pin(std::future::pending());
            }
            self.left -= 1;
            let (near, far) = tokio::io::duplex(64);
            self.others.push(far);
            let connection = Connection {
                io: Box::new(near),
                local: self.address(),
                remote: ([10, 0, 0, 1], 1).into(),
            };
            Box::pin(std::future::ready(Ok(connection)))
        }

        fn address(&self) -> SocketAddr {
            ([10, 0, 0, 2], 7071).into()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_gets_a_share_of_the_connections() {
        let (arrived, mut arriving) = mpsc::channel(1);
        let secure = Secure {
            tls: None,
            complaints: Arc::default(),
            arrived,
        };
        let flood = Flood {
            others: Vec::new(),
            left: 1000,
        };
        let admission = Admission::default();
        let mut held = Vec::new();
        let soon = Instant::now() + Duration::from_secs(1);
        tokio::select! {
            () = accept(Box::new(flood), secure, &admission) => {}
            _ = timeout_at(soon, async {
                while let Some(arrived) = arriving.recv().await {
                    held.push(arrived);
                }
            }) => {}
        }
        assert!((32..=256).contains(&held.len()), "{}", held.len());
    }

    /// A server that answers as a stranger may.
    struct Stranger;

    #[tonic::async_trait]
    impl Cluster for Stranger {
        type LinkStream = ReceiverStream<Result<Frame, Status>>;

        async fn link(
            &self,
            _: Request<Streaming<Frame>>,
        ) -> Result<Response<Self::LinkStream>, Status> {
            let forged = format!("x\n2026-01-01 ERROR \u{1b}[31m{}", "y".repeat(4096));
            Err(Status::internal(forged))
        }
    }

    /// Leads to a stranger.
    struct Abroad(mpsc::Sender<io::Result<Arrived>>);

    impl Network for Abroad {
        fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Connection>> {
            Box::pin(async move {
                let (near, far) = tokio::io::duplex(1 << 16);
                let connection = |io| Connection {
                    io: Box::new(io),
                    local: address,
                    remote: address,
                };
                let there = Arrived::plain(connection(far), Arc::default());
                self.0.send(Ok(there)).await.expect("it listens");
                Ok(connection(near))
            })
        }

        fn resolve<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
            let address = address.parse().expect("an address");
            Box::pin(std::future::ready(Ok(vec![address])))
        }
    }

    #[tokio::test]
    async fn what_a_stranger_answers_has_no_lines_and_is_cut() {
        let (arrived, arriving) = mpsc::channel(1);
        let serving = Server::builder()
            .add_service(ClusterServer::new(Stranger))
            .serve_with_incoming(ReceiverStream::new(arriving));
        let dialler = Dialler {
            network: Arc::new(Abroad(arrived)),
            tls: None,
            allow_plaintext: false,
            max_event_bytes: 1 << 20,
        };
        let answer = tokio::select! {
            answer = dialler.dial("127.0.0.1:7071") => answer,
            served = serving => panic!("it serves as long as somebody may come: {served:?}"),
        };
        let error = answer.err().expect("it links with nobody").to_string();
        assert!(error.contains("x\\n2026-01-01 ERROR"), "{error}");
        assert!(error.chars().all(|c| !c.is_control()), "{error}");
        assert!(error.len() < 1024, "{}", error.len());
    }

    #[tokio::test]
    async fn plain_text_is_for_this_machine() {
        struct Nowhere;
        impl Network for Nowhere {
            fn dial(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Connection>> {
                Box::pin(std::future::ready(Err(
                    io::ErrorKind::ConnectionRefused.into()
                )))
            }
            fn resolve<'a>(
                &'a self,
                address: &'a str,
            ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
                let address = address.parse().expect("an address");
                Box::pin(std::future::ready(Ok(vec![address])))
            }
        }
        let dial = async |address, allow_plaintext| {
            let dialler = Dialler {
                network: Arc::new(Nowhere),
                tls: None,
                allow_plaintext,
                max_event_bytes: 1 << 20,
            };
            match dialler.dial(address).await {
                Ok(_) => panic!("nobody is there"),
                Err(error) => error.kind(),
            }
        };
        assert_eq!(dial("10.0.0.1:7071", false).await, "plaintext");
        assert_eq!(dial("[::ffff:10.0.0.1]:7071", false).await, "plaintext");
        assert_eq!(dial("10.0.0.1:7071", true).await, "connect");
        assert_eq!(dial("127.0.0.1:7071", false).await, "connect");
        assert_eq!(dial("[::1]:7071", false).await, "connect");
    }
}
