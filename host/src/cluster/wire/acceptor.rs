//! From connections to gRPC streams: serves other nodes that dial this one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use super::admission::{Admission, InUse, Place, network};
use super::channel::{Channel, FRAMES_AHEAD, Incoming, Outgoing};
use super::failures::FailureLog;
use super::http2::{FRAME_ALLOWANCE, HTTP2_FRAME, Http2Io, MAX_ON_THE_WAY, MAX_PART, WINDOW};
use super::network::{Connection, Listener};
use super::opened::{Ends, Opened};
use super::protocol::Frame;
use super::protocol::cluster_server::{Cluster, ClusterServer};
use super::protocol::passing_server::{Passing, PassingServer};
use super::traffic::{Hold, watched};
use crate::cluster::timing::HANDSHAKE_STEP;
use crate::cluster::tls::Tls;
use crate::panics::observe;

/// Wait after the listener failed, e.g. for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Takes the streams of those who dial this node.
pub(in crate::cluster) struct Acceptor<P> {
    pub(in crate::cluster) listener: Box<dyn Listener>,
    pub(in crate::cluster) tls: Option<Tls>,
    pub(in crate::cluster) max_event_bytes: usize,
    pub(in crate::cluster) failures: Arc<FailureLog>,
    /// Where the streams go.
    pub(in crate::cluster) opened: mpsc::Sender<Opened>,
    /// Takes requests that other nodes pass on.
    pub(in crate::cluster) taker: P,
}

impl<P: Passing> Acceptor<P> {
    /// Serves until it is dropped.
    ///
    /// # Errors
    /// Those of the server, which do not pass.
    pub(in crate::cluster) async fn run(self) -> Result<(), tonic::transport::Error> {
        let (secured, securing) = mpsc::channel(1);
        let admission = Admission::default();
        let secure = Secure {
            tls: self.tls,
            failures: self.failures,
            secured,
        };
        let service = ClusterServer::new(Service {
            opened: self.opened,
            admission: admission.clone(),
        })
        .max_decoding_message_size(self.max_event_bytes + FRAME_ALLOWANCE);
        let passing = PassingServer::new(self.taker).max_decoding_message_size(MAX_PART);
        let serve = Server::builder()
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_frame_size(HTTP2_FRAME)
            // One link, or requests.
            .max_concurrent_streams(MAX_ON_THE_WAY)
            .add_service(service)
            .add_service(passing)
            .serve_with_incoming(ReceiverStream::new(securing));
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
            Some(ended) = handshakes.join_next() => observe(ended, "taking a connection"),
            connection = listener.accept() => match connection {
                Ok(connection) => {
                    let remote = connection.remote.ip();
                    match admission.admit(remote) {
                        Ok(place) => {
                            handshakes.spawn(secure.clone().hand_on(connection, place));
                        }
                        Err(crowded) => {
                            let from = network(remote).to_string();
                            secure.failures.turned_away(&from, &crowded);
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
    failures: Arc<FailureLog>,
    secured: mpsc::Sender<io::Result<Http2Io>>,
}

impl Secure {
    async fn hand_on(self, connection: Connection, mut place: Place) {
        let remote = connection.remote.ip();
        let (connection, traffic) = watched(connection);
        let mut io = match self.tls {
            None => Http2Io::plain(connection, traffic),
            Some(tls) => {
                let secured = timeout(HANDSHAKE_STEP, tls.accept(connection)).await;
                match secured.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                    Ok(secured) => Http2Io::secured(secured, traffic),
                    Err(error) => {
                        let from = network(remote).to_string();
                        self.failures.not_secured(&from, &error);
                        return;
                    }
                }
            }
        };
        place.arrived();
        io.ends.usage = place.usage();
        io.place = Some(place);
        // Fails when the server has ended.
        let _ = self.secured.send(Ok(io)).await;
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
            let status = match rejected {
                TrySendError::Full(_) => too_many(),
                TrySendError::Closed(_) => Status::unavailable("the node is about to end"),
            };
            // The answer has to reach the other side.
            rejected.into_inner().channel.hold.release();
            return Err(status);
        }
        Ok(Response::new(ReceiverStream::new(frames)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

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
        let (secured, mut securing) = mpsc::channel(1);
        let secure = Secure {
            tls: None,
            failures: Arc::default(),
            secured,
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
                while let Some(io) = securing.recv().await {
                    held.push(io);
                }
            }) => {}
        }
        assert!((32..=256).contains(&held.len()), "{}", held.len());
    }
}
