//! The requests of one connection, by HTTP/1.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};
use tower::ServiceExt;

use super::connection::{Connection, HEAD_ROOM, Stage};
use super::forwarded;
use super::socket::Socket;
use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, or idle.
    Done,
    /// It was cut at this stage because the node stopped.
    Cut(Stage),
}

/// What it takes to serve a connection.
pub(super) struct Http1 {
    context: Arc<Context>,
    router: Router,
    /// When connections of a draining gateway are cut, whatever they are at.
    deadline: OnceLock<Instant>,
}

impl Http1 {
    /// Has requests answered by `router`.
    pub(super) fn new(context: Arc<Context>, router: Router) -> Self {
        Self {
            context,
            router,
            deadline: OnceLock::new(),
        }
    }

    /// Has the gateway drain, and connections cut at `deadline`.
    pub(super) fn drain(&self, deadline: Instant) {
        // Set before it is looked at.
        let _ = self.deadline.set(deadline);
        self.context.drain();
    }

    /// Serves one connection; one that comes late, when the gateway drains, has one request.
    pub(super) async fn serve(
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
        let grace = self.context.limits.grace;
        let deadline = self.deadline.get().copied();
        let mut deadline = deadline.expect("known before the gateway drains");
        let was_stream = connection.stage() == Stage::Streaming;
        if was_stream {
            deadline = deadline.min(Instant::now() + 2 * grace);
        }
        let mut moved = connection.moved();
        while timeout_at(deadline, sleep(grace)).await.is_ok() {
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

/// Tells a client that its address has all the `limit` connections that it may have.
pub(super) async fn refuse(stream: TcpStream, limit: usize) {
    let what = "connections";
    let answer = hyper::service::service_fn(|_: Request<Incoming>| async {
        let answer = Rejection::AddressBusy { what, limit }.into_response();
        Ok::<_, Infallible>(answer)
    });
    let serving = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD_ROOM)
        .serve_connection(TokioIo::new(stream), answer);
    // Whether it takes the answer is its own affair.
    let _ = serving.await;
}

/// Answers one request.
async fn respond(
    router: Router,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
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
