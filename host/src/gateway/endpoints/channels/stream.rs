//! A channel as server-sent events: what is in it from a position on, and then what comes.
//!
//! Unlike the stream of live events it needs no mailbox: it reads the log when its client
//! takes more, and so nothing is ever dropped. What it sends counts in the memory for requests
//! and answers until its client has taken it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::unfold;
use hearken_channel_log::{ReadError, Span};
use serde_json::json;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until};

use super::begin::{Begin, position_of};
use super::page::{counted, event_of, part, text_bytes};
use super::position::Position;
use super::refusal::ChannelRefusal;
use super::view::numbers;
use crate::access::{Ended, Held, Identity};
use crate::channel::{Channel, Found, ReadAmount, ReadFailure, ReadFilter};
use crate::event::CloudEvent;
use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use crate::gateway::serve::connection::{Connection, Stage};
use crate::gateway::serve::slots::{Full, Slot};

/// Media type of a stream of events.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// What is read at once for a stream, and is in memory until its client has taken it.
const STREAM_READ: ReadAmount = ReadAmount {
    events: 64,
    bytes: 64 << 10,
};

/// The first message: the pause in milliseconds that a client should make before it connects
/// again. Also makes the response's head leave at once.
const OPENING: &str = "retry: 1000\n: reading\n\n";

/// A message without meaning, which shows each side that the other is there.
pub(super) const COMMENT: &str = ":\n\n";

/// Has proxies such as nginx pass on each message at once.
const UNBUFFERED: (&str, &str) = ("x-accel-buffering", "no");

/// Pause before a log is asked again that was busy, or for memory that others have.
const BUSY: Duration = Duration::from_millis(100);

/// Where a stream begins: with what comes from now on, unless the request says otherwise.
pub(super) async fn start(
    channel: &Channel,
    begin: Begin,
    headers: &HeaderMap,
    identity: &Identity,
) -> Result<u64, Rejection> {
    let last = channel
        .bounds()
        .ok_or(ChannelRefusal::Read(ReadFailure::Removed))?
        .last;
    if let Some(id) = headers.get("last-event-id") {
        let text = String::from_utf8_lossy(id.as_bytes());
        let position = text.parse().ok();
        let position: Position =
            position.ok_or_else(|| ChannelRefusal::LastEventId(text.clone().into_owned()))?;
        channel
            .check_epoch(position.epoch)
            .map_err(ChannelRefusal::from)?;
        return within(position.number, last);
    }
    match begin {
        Begin::After(after) => within(after, last),
        Begin::Client(client) => Ok(position_of(channel, &client, identity).await?),
        Begin::Unsaid => Ok(last),
    }
}

fn within(after: u64, last: u64) -> Result<u64, Rejection> {
    if after > last {
        let beyond = ReadFailure::Beyond { after, last };
        return Err(ChannelRefusal::from(beyond).into());
    }
    Ok(after)
}

/// Begins to stream.
pub(super) fn open(
    context: Arc<Context>,
    client: Client,
    identity: Identity,
    channel: Arc<Channel>,
    after: u64,
    filter: ReadFilter,
) -> Result<Response, Rejection> {
    let held = context.hold_stream(&identity)?;
    let slot = context.streams.take(client.address);
    let slot = slot.map_err(|full| Rejection::full("event streams", full))?;
    if context.draining.is_cancelled() {
        return Err(Rejection::Draining);
    }
    let connection = client.connection;
    connection.set_stage(Stage::Streaming);
    let stream = ChannelStream {
        phase: Phase::Opening,
        half_closed: false,
        ended: Box::pin(async move { identity.ended().await }),
        reading: None,
        quiet_since: Instant::now(),
        after,
        told: after,
        address: client.address,
        filter,
        channel,
        connection,
        context,
        _slot: slot,
        _held: held,
    };
    let messages = unfold(stream, |mut stream| async move {
        let message = stream.next().await?;
        Some((Ok::<_, Infallible>(message), stream))
    });
    Ok(answer(Body::from_stream(messages)))
}

/// The answer whose body is a stream of events.
pub(super) fn answer(body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE.as_str(), EVENT_STREAM),
        (header::CACHE_CONTROL.as_str(), "no-cache"),
        UNBUFFERED,
    ];
    (headers, body).into_response()
}

/// One client's stream.
struct ChannelStream {
    phase: Phase,
    /// Whether the client has closed its side.
    half_closed: bool,
    /// Waits until the client may not read any more.
    ended: Pin<Box<dyn Future<Output = Ended> + Send>>,
    /// What is being read.
    reading: Option<Reading>,
    /// When something was sent last.
    quiet_since: Instant,
    /// Position up to which was read.
    after: u64,
    /// Position that the client goes on from when it connects again.
    told: u64,
    address: IpAddr,
    filter: ReadFilter,
    channel: Arc<Channel>,
    connection: Arc<Connection>,
    context: Arc<Context>,
    _slot: Slot,
    _held: Held,
}

/// A read of the log that is under way.
type Reading = Pin<Box<dyn Future<Output = Result<Found, ReadFailure>> + Send>>;

/// What became of waiting.
enum Meanwhile<T> {
    /// It has come.
    Done(T),
    /// This is to be sent; nothing when the stream is over.
    Message(Option<Bytes>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was sent yet.
    Opening,
    /// Events flow.
    Open,
    /// The last message was sent.
    Over,
}

impl ChannelStream {
    /// The next messages; none when there are no more.
    async fn next(&mut self) -> Option<Bytes> {
        let message = match self.phase {
            Phase::Opening => {
                self.phase = Phase::Open;
                Some(Bytes::from_static(OPENING.as_bytes()))
            }
            Phase::Open => self.next_open().await,
            Phase::Over => None,
        };
        self.quiet_since = Instant::now();
        message
    }

    async fn next_open(&mut self) -> Option<Bytes> {
        loop {
            let mut reading = self.reading.take().unwrap_or_else(|| self.read());
            let found = match self.meanwhile(&mut reading).await {
                Meanwhile::Done(found) => found,
                Meanwhile::Message(message) => {
                    // It is waited for further, and not asked for once more.
                    self.reading = Some(reading);
                    return message;
                }
            };
            match found {
                Ok(found) => match self.messages(found) {
                    Ok(Some(messages)) => return Some(messages),
                    // A filter may pass over a whole log that is in memory.
                    Ok(None) => yield_now().await,
                    // Read again once others have sent what they hold.
                    Err(Full::All { .. } | Full::Address { .. }) => {
                        if let Meanwhile::Message(message) = self.meanwhile(sleep(BUSY)).await {
                            return message;
                        }
                    }
                },
                Err(ReadFailure::Log(ReadError::Overloaded)) => {
                    if let Meanwhile::Message(message) = self.meanwhile(sleep(BUSY)).await {
                        return message;
                    }
                }
                Err(ReadFailure::Log(ReadError::Damaged(span))) => {
                    self.after = span.last;
                    return Some(told("damaged", span));
                }
                Err(ReadFailure::Removed) => {
                    return Some(self.end("removed", "the channel was removed"));
                }
                Err(error) => return Some(self.end("failed", &error.to_string())),
            }
        }
    }

    /// Reads what comes next, once there is something.
    fn read(&self) -> Reading {
        let (channel, filter) = (Arc::clone(&self.channel), self.filter.clone());
        let after = self.after;
        Box::pin(async move {
            channel.beyond(after).await?;
            channel.read(after, STREAM_READ, &filter).await
        })
    }

    /// What was found, as messages; nothing when that is nothing, and [`Full`] when there is
    /// no memory for them.
    fn messages(&mut self, found: Found) -> Result<Option<Bytes>, Full> {
        if found.events.is_empty() && found.gap.is_none() {
            self.after = found.next;
            return Ok(None);
        }
        let part = part(&self.context, self.address, text_bytes(&found.events))?;
        let mut text = Vec::new();
        if let Some(gap) = found.gap {
            text.extend_from_slice(&told("gap", gap));
        }
        let epoch = self.channel.epoch();
        for event in &found.events {
            let event = event_of(event);
            let number = event.sequence().unwrap_or_default();
            let localorigin = event.origin() == &**self.context.bus.node();
            let json = CloudEvent::new(&event, localorigin).to_json();
            let event_type = event.event_type();
            // No attribute has a line break, and the JSON is on one line.
            let message = format!("id: {epoch}-{number}\nevent: {event_type}\ndata: {json}\n\n");
            text.extend_from_slice(message.as_bytes());
            self.told = number;
        }
        self.after = found.next;
        Ok(Some(counted(text, part)))
    }

    /// Waits for what is to come, or until something else is to be sent or ends the stream.
    async fn meanwhile<T>(&mut self, what: impl Future<Output = T>) -> Meanwhile<T> {
        let keep_alive = self.quiet_since + self.context.limits.keep_alive;
        tokio::select! {
            biased;
            ended = &mut self.ended => {
                Meanwhile::Message(Some(self.end("access-ended", &ended.to_string())))
            }
            () = self.context.draining.cancelled() => Meanwhile::Message(None),
            () = self.connection.half_closed(), if !self.half_closed => {
                self.half_closed = true;
                // A client that is gone answers this with a reset.
                Meanwhile::Message(Some(self.sign_of_life()))
            }
            () = self.connection.reset(), if self.half_closed => Meanwhile::Message(None),
            // Before what is waited for, which may be there each time and bring nothing.
            () = sleep_until(keep_alive) => Meanwhile::Message(Some(self.sign_of_life())),
            done = what => Meanwhile::Done(done),
        }
    }

    /// A message without an event, which says how far was read if nothing else has: whoever
    /// connects again goes on from there, also when nothing passed the filter for long.
    fn sign_of_life(&mut self) -> Bytes {
        if self.told == self.after {
            return Bytes::from_static(COMMENT.as_bytes());
        }
        self.told = self.after;
        format!("id: {}-{}\n\n", self.channel.epoch(), self.after).into()
    }

    /// The last message.
    fn end(&mut self, name: &str, reason: &str) -> Bytes {
        self.phase = Phase::Over;
        message(name, &json!({ "reason": reason }))
    }
}

impl Drop for ChannelStream {
    fn drop(&mut self) {
        self.connection.set_stage(Stage::Answering);
    }
}

/// The last message to a client that may not read any more.
pub(super) fn access_ended(ended: &Ended) -> Bytes {
    message("access-ended", &json!({ "reason": ended.to_string() }))
}

fn told(name: &str, span: Span) -> Bytes {
    message(name, &json!(numbers(&span)))
}

fn message(name: &str, data: &serde_json::Value) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}
