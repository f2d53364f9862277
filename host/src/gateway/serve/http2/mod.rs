//! The requests of one connection, by HTTP/2.
//!
//! `open` is what is known of those in hand, `sent` watches their answers leave, and `tasks`
//! are what they run in.

mod open;
mod sent;
mod tasks;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::Connection;
use super::forwarded;
use super::requests::{Ended, Requests, respond};
use crate::gateway::limits::GatewayLimits;
use crate::gateway::rejection::Rejection;
use open::{Activity, OpenRequests, Opened};
use sent::Sent;
use tasks::{Tasks, ending};

/// Requests at a time on one connection: as many as browsers expect.
const MAX_STREAMS: u32 = 100;

/// Bytes of bodies that a client may send before they are taken, of each request and of all:
/// as many as HTTP/1 reads ahead.
const WINDOW: u32 = 64 << 10;

/// Bytes of an answer that wait for the client to take them.
const SEND_BUFFER: usize = 64 << 10;

/// Requests that a client has taken back before the node looked at them; more, and a flood of
/// them ends the connection.
const PENDING_RESETS: usize = 20;

/// Answers to mistakes of the client that are remembered; more end the connection.
const LOCAL_RESETS: usize = 64;

/// Serves one connection; one that comes late, when the gateway drains, has the requests that
/// are on their way.
pub(super) async fn serve<S>(
    requests: &Requests,
    stream: S,
    connection: Arc<Connection>,
    late: bool,
) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = &requests.context.limits;
    let open = Arc::new(OpenRequests::new());
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        let opened = begin(requests, &open, &connection, &request);
        answer(requests.router.clone(), opened, request)
    });
    let serving = http2::Builder::new(Tasks::default())
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    let mut leaving = late;
    if leaving {
        serving.as_mut().graceful_shutdown();
    }
    let mut look = tokio::time::interval(pause_between_looks(limits));
    loop {
        tokio::select! {
            biased;
            result = serving.as_mut() => return Ended::by_itself(result),
            () = connection.to_be_cut() => return Ended::Done,
            () = requests.context.draining.cancelled(), if !late => break,
            _ = look.tick() => match open.look(limits) {
                Activity::Busy => {}
                Activity::Stalled => return Ended::Done,
                Activity::Idle(time) if time >= limits.head_time + limits.grace => {
                    return Ended::Done;
                }
                Activity::Idle(time) if time >= limits.head_time && !leaving => {
                    serving.as_mut().graceful_shutdown();
                    leaving = true;
                }
                Activity::Idle(_) => {}
            },
        }
    }
    serving.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        result = serving => Ended::by_itself(result),
        stage = requests.give_up(&connection, || open.stage()) => Ended::Cut(stage),
    }
}

/// Often enough that nothing is kept much longer than it may.
fn pause_between_looks(limits: &GatewayLimits) -> Duration {
    let pause = limits.write_stall.min(limits.head_time) / 8;
    pause.max(Duration::from_millis(10))
}

/// Counts a request in, or refuses it.
fn begin(
    requests: &Requests,
    open: &Arc<OpenRequests>,
    connection: &Arc<Connection>,
    request: &Request<Incoming>,
) -> Result<Arc<Opened>, Rejection> {
    let limits = &requests.context.limits;
    if request.headers().len() > limits.headers {
        return Err(Rejection::ManyHeaders(limits.headers));
    }
    let peer = connection.peer();
    let is_proxy = forwarded::is_trusted(peer, &limits.trusted_proxies);
    let counted = (!is_proxy).then_some(peer);
    open.begin(connection, size(request), &requests.context.bodies, counted)
        .map_err(|full| Rejection::full("bytes for the heads of requests", full))
}

/// Bytes that the head of a request takes, as HTTP/2 counts them (RFC 9113, section 6.5.2).
fn size(request: &Request<Incoming>) -> usize {
    let headers = request.headers().iter();
    let fields: usize = headers
        .map(|(name, value)| name.as_str().len() + value.len() + 32)
        .sum();
    let uri = request.uri();
    let target = uri.path().len() + uri.query().map_or(0, str::len);
    fields + target
}

async fn answer(
    router: Router,
    opened: Result<Arc<Opened>, Rejection>,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let opened = match opened {
        Ok(opened) => opened,
        Err(refusal) => return Ok(refusal.into_response()),
    };
    if let Some(ending) = ending() {
        opened.connection().end_alone(ending);
    }
    let working = opened.work();
    let response = respond(router, Arc::clone(opened.connection()), request).await;
    working.done();
    response.map(|response| response.map(|body| axum::body::Body::new(Sent::new(body, opened))))
}

#[cfg(test)]
mod tests;
