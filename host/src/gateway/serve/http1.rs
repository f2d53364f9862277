//! The requests of one connection, by HTTP/1.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::http::{Method, Version};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use super::admitted::Admitted;
use super::connection::{Connection, HEAD_ROOM, Stage};
use super::detached::Detached;
use super::event_stream;
use super::forwarded;
use super::heads::Heads;
use super::requests::{Ended, Requests, respond};
use super::upgrade::Upgrade;
use crate::gateway::rejection::Rejection;

/// Serves one connection; one that comes late, when the gateway drains, has one request.
pub(super) async fn serve<S>(
    requests: &Requests,
    stream: S,
    connection: Arc<Connection>,
    admitted: Admitted,
    late: bool,
) -> Ended
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
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
    let half_close = connection.may_be_half_closed();
    let (begin, mut begun) = oneshot::channel();
    let begin = Mutex::new(Some(begin));
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        let may_last = [Method::GET, Method::POST].contains(request.method());
        let takes_chunks = may_last && request.version() == Version::HTTP_11;
        let (connection, begin) = (&connection, &begin);
        async move {
            let router = requests.router.clone();
            let mut answer = respond(router, Arc::clone(connection), request).await?;
            let upgraded = Upgrade::take(&mut answer);
            let is_stream = takes_chunks && connection.stage() == Stage::Streaming;
            if upgraded.is_none() && !is_stream {
                return Ok::<_, Infallible>(answer);
            }
            let detached = Detached::take(&mut answer);
            let begin = begin.lock().unwrap_or_else(PoisonError::into_inner).take();
            let begin = begin.expect("from then on hyper is not polled");
            // Who waits for it is this connection's task.
            let _ = begin.send((answer, upgraded, detached));
            std::future::pending().await
        }
    });
    let draining = &requests.context.draining;
    let serving = async {
        // Apart, and made in here, so that a stream does not keep its place.
        let mut http = Box::new(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.head_time)
                .max_buf_size(limits.head_bytes)
                .max_headers(limits.headers)
                .half_close(half_close)
                .keep_alive(!late)
                .serve_connection(TokioIo::new(heads), service),
        );
        let mut told = late;
        let (answer, upgraded, detached) = loop {
            tokio::select! {
                biased;
                result = &mut http => return Ended::by_itself(result),
                Ok(begun) = &mut begun => break begun,
                () = draining.cancelled(), if !told => {
                    told = true;
                    Pin::new(&mut *http).graceful_shutdown();
                }
            }
        };
        let http1::Parts { io, read_buf, .. } = http.into_parts();
        let stream = io.into_inner().stream;
        let now = requests.context.bus.now_millis();
        if let Some(upgraded) = upgraded {
            drop(admitted);
            connection.set_stage(Stage::Upgraded);
            return Ended::by_itself(upgraded.go_on(stream, read_buf, answer, now).await);
        }
        // Otherwise the buffer that requests are read into would be kept for as long.
        drop(read_buf);
        let Some(over) = detached else {
            return Ended::by_itself(event_stream::write(stream, answer, now, half_close).await);
        };
        drop(admitted);
        connection.set_stage(Stage::Upgraded);
        // Who has a session and closes its side has left.
        let writing = event_stream::write(stream, answer, now, false);
        tokio::select! {
            biased;
            written = writing => Ended::by_itself(written),
            () = over => Ended::Done,
        }
    };
    let given_up = async {
        if late {
            std::future::pending().await
        }
        draining.cancelled().await;
        requests.give_up(&connection, || connection.stage()).await
    };
    tokio::select! {
        biased;
        ended = serving => ended,
        () = connection.to_be_cut() => Ended::Done,
        stage = given_up => Ended::Cut(stage),
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
