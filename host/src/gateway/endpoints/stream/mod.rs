//! `GET /v1/events`: the live stream, as server-sent events.
//!
//! `access` tells when its client may not hear any more. `rendering` makes the texts that clients get of events, once for all of them, and
//! `memory` bounds what waits in all streams together.

mod access;
pub(in crate::gateway) mod memory;
pub(in crate::gateway) mod rendering;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Frame;
use serde::Serialize;
use tokio::time::{Instant, Sleep};
use utoipa::ToSchema;

use access::StreamAccess;
use memory::Registration;

use crate::access::{Act, Ended, Held};
use crate::bus::{Closed, MailboxLimits, Overflow, Receiver, ReceiverKind, Subscription};
use crate::event::Pattern;
use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::query::Parameters;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use crate::gateway::serve::connection::{Connection, Stage};
use crate::gateway::serve::slots::Slot;

/// The first message: the pause in milliseconds that a client should make before it connects
/// again. Also makes the response's head leave at once.
const OPENING: &[u8] = b"retry: 1000\n: listening\n\n";

/// The same where some node has not said in time that it knows of the stream.
const EARLY_OPENING: &[u8] = b"retry: 1000\n: listening, but some nodes do not know of it yet\n\n";

/// A message without meaning, which shows each side that the other is there.
const COMMENT: &[u8] = b":\n\n";

/// Has proxies such as nginx pass on each message at once.
const UNBUFFERED: (&str, &str) = ("x-accel-buffering", "no");

/// Data of the message `overflow`, the last one of a stream whose client read
/// too slowly.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct StreamOverflow {
    /// Events that waited or arrived when the mailbox overflowed. The stream got
    /// no later ones.
    dropped: u64,
}

/// Data of the message `access-ended`, the last one of a stream whose client may not hear any
/// more what it asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct AccessEnded {
    /// Why not: a key was removed, a token has expired.
    reason: String,
}

/// Stream events as they are published
///
/// Server-sent events. `id` is the event's id, `event` its type, `data` the
/// event in the CloudEvents JSON format. A silent stream gets a comment every
/// 15 seconds. The stream starts with the events published after the response's
/// head; if a node does not confirm within a second that it knows of the stream, the first
/// comment says so, and events of that node may be missed until it does. `Last-Event-ID`
/// brings nothing back. Each stream has a bounded mailbox:
/// a client that reads too slowly gets a last message, `event: overflow` with
/// `data: {"dropped": n}`, and the stream ends, as it also does when the node
/// shuts down. Within a second after the credential ceases to be valid the last message is
/// `event: access-ended` with `data: {"reason": "…"}`.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "events",
    params(
        ("type" = Option<String>, Query, description = "Pattern on the type: `*` matches any run of characters, `{a,b}` is an alternative. Default `*`: every event"),
        ("subject" = Option<String>, Query, description = "Only events with exactly this subject"),
        ("channel" = Option<String>, Query, description = "Only events of this channel"),
        ("local_only" = Option<bool>, Query, description = "Only events published on this node"),
        ("access_token" = Option<String>, Query, description = "The credential, for clients that cannot send the header `Authorization`"),
    ),
    responses(
        (status = 200, description = "The stream; the schema is that of a message's `data`", body = crate::gateway::openapi::CloudEventJson, content_type = "text/event-stream"),
        (status = 400, description = "Bad parameter", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many streams of one principal or from one address", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many streams, or the node is shutting down", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn events(
    State(context): State<Arc<Context>>,
    Client {
        connection,
        address,
        ..
    }: Client,
    Caller(identity): Caller,
    parameters: Parameters,
) -> Result<Response, Rejection> {
    parameters.allow(&["type", "subject", "channel", "local_only"])?;
    let filter = parameters.filter(Some(Pattern::any()))?;
    context.check(&identity, &Act::Listen(&filter.pattern), address)?;
    let held = context.hold_stream(&identity)?;
    let slot = context.streams.take(address);
    let slot = slot.map_err(|full| Rejection::full("event streams", full))?;
    let MailboxLimits { events, bytes } = context.limits.stream_mailbox;
    let receiver = Arc::new(context.bus.subscribe(Subscription {
        name: format!("event stream of {}", filter.pattern).into(),
        kind: ReceiverKind::Stream,
        filters: vec![filter],
        limits: MailboxLimits {
            events,
            bytes: bytes.max(context.bus.max_event_bytes()),
        },
        overflow: Overflow::Disconnect,
        partitions: 1,
    }));
    let registration = context
        .stream_memory
        .join(&receiver, Arc::clone(&connection));
    // Afterwards, since a stream that joins before is ended with the others.
    if context.draining.is_cancelled() {
        return Err(Rejection::Draining);
    }
    // So that from the answer on no event is missed, of whatever node.
    let all_know = context.bus.interest().known().await;
    connection.set_stage(Stage::Streaming);
    let interval = context.limits.keep_alive;
    let live = LiveStream {
        silence: Box::pin(tokio::time::sleep(interval)),
        last: Instant::now(),
        client: ClientState::of(&connection),
        access: StreamAccess::of(identity),
        phase: Phase::Opening { all_know },
        connection,
        context,
        receiver,
        registration,
        _slot: slot,
        _held: held,
    };
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        (header::CACHE_CONTROL.as_str(), "no-cache"),
        UNBUFFERED,
    ];
    Ok((headers, Body::new(live)).into_response())
}

/// One client's stream.
struct LiveStream {
    phase: Phase,
    receiver: Arc<Receiver>,
    registration: Registration,
    /// When the last message was handed over.
    last: Instant,
    /// Until the next comment is due, or earlier.
    silence: Pin<Box<Sleep>>,
    client: ClientState,
    access: StreamAccess,
    connection: Arc<Connection>,
    context: Arc<Context>,
    _slot: Slot,
    _held: Held,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was sent yet.
    Opening {
        /// Whether all linked nodes know of the stream.
        all_know: bool,
    },
    /// Events flow.
    Open,
    /// The last message was sent.
    Over,
}

type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whether the client is there.
enum ClientState {
    /// It is, as far as is known; waits until it closes its side.
    Open(Waiting),
    /// It has closed its side; waits until it is gone.
    HalfClosed(Waiting),
    Gone,
}

impl ClientState {
    fn of(connection: &Arc<Connection>) -> Self {
        let connection = Arc::clone(connection);
        Self::Open(Box::pin(async move { connection.half_closed().await }))
    }

    /// Looks whether something has changed; returns whether it has.
    fn poll_change(&mut self, connection: &Arc<Connection>, cx: &mut task::Context<'_>) -> bool {
        let changed = match self {
            Self::Open(waiting) | Self::HalfClosed(waiting) => waiting.as_mut().poll(cx),
            Self::Gone => Poll::Pending,
        };
        if changed.is_pending() {
            return false;
        }
        *self = match self {
            Self::Open(_) => {
                let connection = Arc::clone(connection);
                Self::HalfClosed(Box::pin(async move { connection.reset().await }))
            }
            Self::HalfClosed(_) | Self::Gone => Self::Gone,
        };
        true
    }
}

impl LiveStream {
    /// The next message; none when there are no more.
    fn poll_message(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<Bytes>> {
        match self.phase {
            Phase::Opening { all_know } => {
                self.phase = Phase::Open;
                let opening = if all_know { OPENING } else { EARLY_OPENING };
                return Poll::Ready(Some(Bytes::from_static(opening)));
            }
            Phase::Over => return Poll::Ready(None),
            Phase::Open => {}
        }
        if self.context.grace_is_over() {
            return Poll::Ready(None);
        }
        if let Some(ended) = self.access.poll_busy(self.last, cx) {
            return Poll::Ready(Some(self.end(ended)));
        }
        let received = std::pin::pin!(self.receiver.recv()).poll(cx);
        match received {
            Poll::Ready(Ok(event)) => {
                return Poll::Ready(Some(self.context.renderings.message(&event)));
            }
            Poll::Ready(Err(Closed::Overflowed { dropped })) => {
                self.phase = Phase::Over;
                return Poll::Ready(Some(overflow_message(dropped)));
            }
            Poll::Ready(Err(Closed::Done)) => return Poll::Ready(None),
            Poll::Pending => {}
        }
        self.poll_idle(cx)
    }

    /// The last message of a stream whose client may not hear any more.
    fn end(&mut self, ended: Ended) -> Bytes {
        self.phase = Phase::Over;
        access_ended_message(ended)
    }

    /// What an idle stream sends.
    fn poll_idle(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<Bytes>> {
        self.registration.release();
        if let Some(ended) = self.access.poll_ended(self.last, cx) {
            return Poll::Ready(Some(self.end(ended)));
        }
        if self.client.poll_change(&self.connection, cx) {
            return Poll::Ready(match self.client {
                ClientState::Gone => None,
                // A client that is gone answers this with a reset.
                _ => Some(Bytes::from_static(COMMENT)),
            });
        }
        let interval = self.context.limits.keep_alive;
        while self.silence.as_mut().poll(cx).is_ready() {
            let due = self.last + interval;
            if due <= Instant::now() {
                // Nothing has come for a while: what a burst took is given back.
                self.receiver.mailbox().trim();
                return Poll::Ready(Some(Bytes::from_static(COMMENT)));
            }
            // Not moved with each message, which costs more than to wake up once more.
            self.silence.as_mut().reset(due);
        }
        Poll::Pending
    }
}

impl HttpBody for LiveStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let message = std::task::ready!(this.poll_message(cx));
        if let Some(message) = &message {
            this.last = Instant::now();
            this.registration.hold(message);
        }
        Poll::Ready(message.map(|message| Ok(Frame::data(message))))
    }
}

impl Drop for LiveStream {
    fn drop(&mut self) {
        self.connection.set_stage(Stage::Answering);
        // Here and not at the last message, which a client that reads nothing never gets.
        self.context
            .metrics
            .stream_dropped
            .inc_by(self.receiver.dropped());
    }
}

fn overflow_message(dropped: u64) -> Bytes {
    let data = serde_json::to_string(&StreamOverflow { dropped }).expect("a number");
    format!("event: overflow\ndata: {data}\n\n").into()
}

fn access_ended_message(ended: Ended) -> Bytes {
    let reason = ended.to_string();
    let data = serde_json::to_string(&AccessEnded { reason }).expect("a text");
    format!("event: access-ended\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests;
