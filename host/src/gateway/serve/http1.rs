//! The requests of one connection, by HTTP/1.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::{Connection, HEAD_ROOM};
use super::forwarded;
use super::heads::Heads;
use super::requests::{Ended, Requests, respond};
use crate::gateway::rejection::Rejection;

/// Serves one connection; one that comes late, when the gateway drains, has one request.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    requests: &Requests,
    stream: S,
    connection: Arc<Connection>,
    late: bool,
) -> Ended {
    let limits = &requests.context.limits;
    let peer = connection.peer();
    let is_proxy = forwarded::is_trusted(peer, &limits.trusted_proxies);
    let heads = Heads {
        stream,
        connection: Arc::clone(&connection),
        largest_head: limits.head_bytes,
        memory: Arc::clone(&requests.context.bodies),
        counted: (!is_proxy).then_some(peer),
    };
    let service = hyper::service::service_fn(|request| {
        respond(requests.router.clone(), Arc::clone(&connection), request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.headers)
        .half_close(connection.may_be_half_closed())
        .keep_alive(!late)
        .serve_connection(TokioIo::new(heads), service);
    let mut serving = pin!(serving);
    tokio::select! {
        biased;
        result = serving.as_mut() => return Ended::by_itself(result),
        () = connection.to_be_cut() => return Ended::Done,
        () = requests.context.draining.cancelled(), if !late => {}
    }
    serving.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        result = serving => Ended::by_itself(result),
        stage = requests.give_up(&connection, || connection.stage()) => Ended::Cut(stage),
    }
}

/// Answers whatever a client asks with a refusal.
pub(super) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    refusal: impl Fn() -> Rejection,
) {
    let answer = hyper::service::service_fn(|_: Request<Incoming>| {
        let answer = refusal().into_response();
        async { Ok::<_, Infallible>(answer) }
    });
    let serving = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD_ROOM)
        .serve_connection(TokioIo::new(stream), answer);
    // Whether it takes the answer is its own affair.
    let _ = serving.await;
}
