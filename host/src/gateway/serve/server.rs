//! Connections: accepts them within bounds, ends those that stall, and drains.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::connection::{Connection, Stage};
use super::forwarded;
use super::slots::{Share, Shares};
use super::socket::Socket;
use crate::gateway::Gateway;
use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;

/// Pause after an accept that failed for lack of resources, so that the loop
/// does not spin until some are free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often a lack of resources is logged.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

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

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// By itself, or idle.
    Done,
    /// It was cut at this stage because the node stopped.
    Cut(Stage),
}

/// What connections share, besides the gateway's context.
struct Front {
    context: Arc<Context>,
    router: Router,
    permits: Arc<Semaphore>,
    shares: Arc<Shares>,
    refusals: Arc<Semaphore>,
    /// When connections of a draining gateway are cut, whatever they are at.
    deadline: std::sync::OnceLock<Instant>,
}

/// What a connection holds for as long as it is open.
struct Admission {
    _permit: OwnedSemaphorePermit,
    _share: Option<Share>,
}

impl Gateway {
    /// Serves connections of `listener` until `stages.drain` is cancelled. Then it takes no
    /// more requests, ends streams and waiters, and lets requests in flight finish for at
    /// most `drain`; those whose clients do not move are cut off after a second. What was
    /// cut off is logged. Until `stages.end` it answers who asks for the node's health.
    pub async fn serve(self, listener: TcpListener, stages: Stages, drain: Duration) {
        let context = self.context.clone();
        let front = Arc::new(Front {
            router: self.router(),
            permits: Arc::new(Semaphore::new(context.limits.connections)),
            shares: Arc::new(Shares::new(
                context.limits.connections,
                context.limits.address_share,
            )),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            deadline: std::sync::OnceLock::new(),
            context,
        });
        let context = &front.context;
        let (bus, renderings) = (&context.bus, &context.renderings);
        tokio::select! {
            () = context.stream_memory.keep(bus, renderings) => {}
            () = front.serve_all(&listener, &stages, drain) => {}
        }
    }
}

impl Front {
    async fn serve_all(self: &Arc<Self>, listener: &TcpListener, stages: &Stages, drain: Duration) {
        let mut connections = JoinSet::new();
        tokio::select! {
            () = stages.drain.cancelled() => {}
            () = self.accept_all(listener, &mut connections) => {}
        }
        let _ = self.deadline.set(Instant::now() + drain);
        self.context.drain();
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
        loop {
            tokio::select! {
                biased;
                Some(ended) = connections.join_next() => {
                    log_panic(&ended);
                }
                (stream, peer, permit) = accept(listener, &self.permits) => {
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
        let admission = Admission {
            _permit: permit,
            _share: share,
        };
        let stream = Arc::new(stream);
        let connection = Arc::new(Connection::new(peer.ip(), Some(Arc::clone(&stream))));
        let front = Arc::clone(self);
        let late = self.context.draining.is_cancelled();
        connections.spawn(async move {
            let ended = front.serve_connection(stream, connection, late).await;
            drop(admission);
            ended
        });
    }

    /// Tells a client that its address has all the connections that it may have.
    fn refuse(self: &Arc<Self>, stream: TcpStream, connections: &mut JoinSet<Ended>) {
        self.context.metrics.refused_connections.inc();
        let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() else {
            return;
        };
        let limit = self.shares.most();
        connections.spawn(async move {
            let what = "connections";
            let answer = hyper::service::service_fn(|_: Request<Incoming>| async {
                let answer = Rejection::AddressBusy { what, limit }.into_response();
                Ok::<_, std::convert::Infallible>(answer)
            });
            let serving = http1::Builder::new()
                .keep_alive(false)
                .max_buf_size(super::connection::HEAD_ROOM)
                .serve_connection(TokioIo::new(stream), answer);
            // Whoever does not take it in time goes without.
            let _ = tokio::time::timeout(REFUSAL_TIME, serving).await;
            drop(permit);
            Ended::Done
        });
    }

    /// Serves one connection; one that comes late, when the gateway drains, has one request.
    async fn serve_connection(
        &self,
        stream: Arc<TcpStream>,
        connection: Arc<Connection>,
        late: bool,
    ) -> Ended {
        let limits = &self.context.limits;
        let peer = connection.peer();
        let is_proxy = forwarded::is_trusted(peer, &limits.trusted_proxies);
        let socket = Socket::new(
            stream,
            Arc::clone(&connection),
            limits.head_bytes,
            Arc::clone(&self.context.bodies),
            (!is_proxy).then_some(peer),
            limits.write_stall,
        );
        let service = hyper::service::service_fn(|request| {
            respond(self.router.clone(), Arc::clone(&connection), request)
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_buf_size(limits.head_bytes)
            .max_headers(limits.headers)
            .half_close(true)
            .keep_alive(!late)
            .serve_connection(TokioIo::new(socket), service);
        let mut serving = pin!(serving);
        tokio::select! {
            biased;
            result = serving.as_mut() => return done(result),
            () = connection.to_be_cut() => return Ended::Done,
            () = self.context.draining.cancelled(), if !late => {}
        }
        serving.as_mut().graceful_shutdown();
        tokio::select! {
            biased;
            result = serving => done(result),
            stage = self.give_up(&connection) => Ended::Cut(stage),
        }
    }

    /// Waits until a connection of a draining gateway is to be cut: at the deadline, or when
    /// it is its client that is waited for, and that does not move for a while. A head has
    /// no longer than that to come whole, since it would be refused, and a stream, which has
    /// ended by then, to be written.
    async fn give_up(&self, connection: &Connection) -> Stage {
        let farewell = self.context.limits.farewell;
        let deadline = self.deadline.get().copied();
        let mut deadline = deadline.expect("known before the gateway drains");
        let was_stream = connection.stage() == Stage::Streaming;
        if was_stream {
            deadline = deadline.min(Instant::now() + 2 * farewell);
        }
        let mut moved = connection.moved();
        while timeout_at(deadline, sleep(farewell)).await.is_ok() {
            let before = std::mem::replace(&mut moved, connection.moved());
            let stage = connection.stage();
            if stage == Stage::Head || (before == moved && stage != Stage::Working) {
                break;
            }
        }
        if was_stream {
            Stage::Streaming
        } else {
            connection.stage()
        }
    }
}

/// Answers one request.
async fn respond(
    router: Router,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response, std::convert::Infallible> {
    /// Marks the end of the work, however it ends.
    struct Work(Arc<Connection>);

    impl Drop for Work {
        fn drop(&mut self) {
            self.0.answer();
        }
    }

    connection.begin();
    let mut request = request.map(axum::body::Body::new);
    request.extensions_mut().insert(Arc::clone(&connection));
    let work = Work(connection);
    let answer = router.oneshot(request).await;
    drop(work);
    answer
}

fn done(result: hyper::Result<()>) -> Ended {
    if let Err(error) = result {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
    Ended::Done
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
        "cut off HTTP connections that were not done: heads and bodies that had not come, \
         unfinished requests, answers and streams that were not read"
    );
}

/// The next connection; takes the permit first, so that connections beyond the
/// bound wait in the listener's backlog.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    let mut complained: Option<Instant> = None;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            // Errors of one connection that was gone before it was accepted.
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                if complained.is_none_or(|last| last.elapsed() >= COMPLAIN_EVERY) {
                    tracing::error!(%error, "cannot accept HTTP connections");
                    complained = Some(Instant::now());
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
