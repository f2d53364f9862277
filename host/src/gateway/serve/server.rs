//! Connections: accepts them within bounds, and drains.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::admitted::Admitted;
use super::connection::{Connection, Stage};
use super::forwarded;
use super::http1;
use super::requests::{Ended, Requests};
use super::secure;
use super::slots::Shares;
use super::socket::Socket;
use super::tls::HttpTls;
use crate::gateway::Gateway;
use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;

/// Pause after an accept that failed for lack of resources, so that the loop
/// does not spin until some are free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often a lack of resources is logged.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Connections at a time that are only told that their address has too many. Beyond, they
/// are closed without a word.
const REFUSALS: usize = 64;

/// Time for a connection that is told so.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// How a gateway comes to its end: it is told to drain, says when nothing is in hand any
/// more, and goes on to answer who asks for the node's health until it is told to end.
#[derive(Clone, Debug, Default)]
pub struct Stages {
    /// Cancelled by the owner: takes nothing any more, and finishes what is in hand.
    pub drain: CancellationToken,
    /// Cancelled by the gateway: nothing is in hand any more.
    pub drained: CancellationToken,
    /// Cancelled by the owner: ends.
    pub end: CancellationToken,
}

/// Who accepts connections, and what they share.
struct Server {
    context: Arc<Context>,
    requests: Requests,
    tls: Option<HttpTls>,
    permits: Arc<Semaphore>,
    shares: Arc<Shares>,
    refusals: Arc<Semaphore>,
}

impl Gateway {
    /// Serves connections of `listener` until `stages.drain` is cancelled. Then it takes no
    /// more requests, ends streams and waiters, and lets requests in flight finish for at
    /// most `drain`; those whose clients do not move are cut off after a second. What was
    /// cut off is logged. Until `stages.end` it answers who asks for the node's health.
    pub async fn serve(self, listener: TcpListener, stages: Stages, drain: Duration) {
        let context = self.context.clone();
        let server = Arc::new(Server {
            requests: Requests::new(Arc::clone(&context), self.router()),
            tls: self.tls,
            permits: Arc::new(Semaphore::new(context.limits.connections)),
            shares: Arc::new(Shares::new(
                context.limits.connections,
                context.limits.address_share,
            )),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            context,
        });
        let context = &server.context;
        let (bus, renderings) = (&context.bus, &context.renderings);
        tokio::select! {
            () = context.stream_memory.keep(bus, renderings) => {}
            () = server.serve_all(&listener, &stages, drain) => {}
        }
    }
}

impl Server {
    async fn serve_all(self: &Arc<Self>, listener: &TcpListener, stages: &Stages, drain: Duration) {
        let mut connections = JoinSet::new();
        tokio::select! {
            () = stages.drain.cancelled() => {}
            () = self.accept_all(listener, &mut connections) => {}
        }
        self.requests.drain(Instant::now() + drain);
        // Apart, so that who comes now holds up nothing.
        let mut late = JoinSet::new();
        let finishing = async {
            finish(connections).await;
            stages.drained.cancel();
            stages.end.cancelled().await;
        };
        tokio::select! {
            () = finishing => {}
            () = self.accept_all(listener, &mut late) => {}
        }
    }

    /// Serves whoever comes, for as long as it is polled.
    async fn accept_all(
        self: &Arc<Self>,
        listener: &TcpListener,
        connections: &mut JoinSet<Ended>,
    ) {
        let mut logged = None;
        loop {
            tokio::select! {
                biased;
                Some(ended) = connections.join_next() => {
                    log_panic(&ended);
                }
                (stream, peer, permit) = accept(listener, &self.permits, &mut logged) => {
                    self.admit(stream, peer, permit, connections);
                }
            }
        }
    }

    fn admit(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
        connections: &mut JoinSet<Ended>,
    ) {
        let proxies = &self.context.limits.trusted_proxies;
        let share = if forwarded::is_trusted(peer.ip(), proxies) {
            // It connects for others, each of whom is counted by what it asks.
            None
        } else {
            let Some(share) = self.shares.take(peer.ip()) else {
                self.refuse(stream, connections);
                return;
            };
            Some(share)
        };
        let admitted = Admitted::new(permit, share);
        let server = Arc::clone(self);
        let late = self.context.draining.is_cancelled();
        connections.spawn(async move { server.serve_one(stream, peer, admitted, late).await });
    }

    async fn serve_one(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        admitted: Admitted,
        late: bool,
    ) -> Ended {
        let stream = Arc::new(stream);
        let stall = self.context.limits.write_stall;
        if let Some(tls) = &self.tls {
            let connection = Arc::new(Connection::secure(peer.ip()));
            let socket = Socket::new(stream, Arc::clone(&connection), stall);
            // Apart, so that connections without TLS do not have its place.
            let serving = secure::serve(&self.requests, tls, socket, connection, admitted, late);
            return Box::pin(serving).await;
        }
        let connection = Arc::new(Connection::new(peer.ip(), Some(Arc::clone(&stream))));
        let socket = Socket::new(stream, Arc::clone(&connection), stall);
        http1::serve(&self.requests, socket, connection, admitted, late).await
    }

    /// Tells a client that its address has all the connections that it may have. With TLS it
    /// is not told: that would take a handshake.
    fn refuse(self: &Arc<Self>, stream: TcpStream, connections: &mut JoinSet<Ended>) {
        self.context.metrics.refused_connections.inc();
        if self.tls.is_some() {
            return;
        }
        let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() else {
            return;
        };
        let limit = self.shares.most();
        connections.spawn(async move {
            // Whoever does not take it in time goes without.
            let refusal = || Rejection::AddressBusy {
                what: "connections",
                limit,
            };
            let _ = timeout(REFUSAL_TIME, http1::refuse(stream, refusal)).await;
            drop(permit);
            Ended::Done
        });
    }
}

/// Waits until all connections have ended, and logs which were cut.
async fn finish(mut connections: JoinSet<Ended>) {
    let mut cut = Vec::new();
    while let Some(ended) = connections.join_next().await {
        log_panic(&ended);
        if let Ok(Ended::Cut(stage)) = ended {
            cut.push(stage);
        }
    }
    if cut.is_empty() {
        return;
    }
    let at = |wanted: Stage| cut.iter().filter(|stage| **stage == wanted).count();
    tracing::warn!(
        heads = at(Stage::Head),
        bodies = at(Stage::Body),
        unfinished = at(Stage::Working),
        answers = at(Stage::Answering),
        streams = at(Stage::Streaming),
        sessions = at(Stage::Upgraded),
        "cut off HTTP connections that were not done: heads and bodies that had not come, \
         unfinished requests, answers and streams that were not read, sessions that were not over"
    );
}

/// The next connection; takes the permit first, so that connections beyond the
/// bound wait in the listener's backlog. When it was `logged` that none can be accepted outlives
/// this, which is given up whenever a connection ends.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
    logged: &mut Option<Instant>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            // Errors of one connection that was gone before it was accepted.
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                if logged.is_none_or(|last| last.elapsed() >= LOG_EVERY) {
                    tracing::error!(%error, "cannot accept HTTP connections");
                    *logged = Some(Instant::now());
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

fn log_panic(ended: &Result<Ended, tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "an HTTP connection's task failed");
    }
}

#[cfg(test)]
mod tests;
