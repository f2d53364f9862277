//! `GET /v1/events`: the live stream, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event as Message, KeepAlive};
use futures_util::Stream;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use super::Context;
use super::problem::Problem;
use super::query::Parameters;
use super::rejection::Rejection;
use crate::bus::{Closed, Overflow, Receiver, ReceiverKind, Subscription};
use crate::event::{CloudEvent, Event, Pattern};

/// Pause that a client should make before it connects again.
const RETRY: Duration = Duration::from_secs(1);

/// Data of the message `overflow`, the last one of a stream whose client read
/// too slowly.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StreamOverflow {
    /// Events that waited or arrived when the mailbox overflowed. The stream got
    /// no later ones.
    dropped: u64,
}

/// Stream events as they are published
///
/// Server-sent events. `id` is the event's id, `event` its type, `data` the
/// event in the CloudEvents JSON format. A silent stream gets a comment every
/// 15 seconds. The stream starts with the events published after the response's
/// head; `Last-Event-ID` brings nothing back. Each stream has a bounded mailbox:
/// a client that reads too slowly gets a last message, `event: overflow` with
/// `data: {"dropped": n}`, and the stream ends, as it also does when the node
/// shuts down.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "events",
    params(
        ("type" = Option<String>, Query, description = "Pattern on the type: `*` matches any run of characters, `{a,b}` is an alternative. Default `*`: every event"),
        ("subject" = Option<String>, Query, description = "Only events with exactly this subject"),
        ("channel" = Option<String>, Query, description = "Only events of this channel"),
        ("local_only" = Option<bool>, Query, description = "Only events published on this node"),
    ),
    responses(
        (status = 200, description = "The stream; the schema is that of a message's `data`", body = super::openapi::CloudEventJson, content_type = "text/event-stream"),
        (status = 400, description = "Bad parameter", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many streams, or the node is shutting down", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(
    State(context): State<Arc<Context>>,
    parameters: Parameters,
) -> Result<Sse<impl Stream<Item = Result<Message, Infallible>>>, Rejection> {
    parameters.allow(&["type", "subject", "channel", "local_only"])?;
    let filter = parameters.filter(Some(Pattern::any()))?;
    if context.draining.is_cancelled() {
        return Err(Rejection::Draining);
    }
    let limits = &context.limits;
    let permit = Arc::clone(&context.streams)
        .try_acquire_owned()
        .map_err(|_| Rejection::Busy {
            what: "event streams",
            limit: limits.streams,
        })?;
    let receiver = context.bus.subscribe(Subscription {
        name: format!("event stream of {}", filter.pattern).into(),
        kind: ReceiverKind::Stream,
        filters: vec![filter],
        limits: limits.stream_mailbox,
        overflow: Overflow::Disconnect,
        lanes: 1,
    });
    // So that from the answer on no event is missed, of whatever node.
    context.bus.interest().known().await;
    let keep_alive = KeepAlive::new().interval(limits.keep_alive);
    let live = LiveStream {
        context,
        receiver,
        phase: Phase::Opening,
        _permit: permit,
    };
    let messages = futures_util::stream::unfold(live, LiveStream::next);
    Ok(Sse::new(messages).keep_alive(keep_alive))
}

/// One client's stream.
struct LiveStream {
    context: Arc<Context>,
    receiver: Receiver,
    phase: Phase,
    _permit: OwnedSemaphorePermit,
}

enum Phase {
    /// Nothing was sent yet.
    Opening,
    /// Events flow.
    Open,
    /// The node drains: what is queued still flows.
    Draining,
    /// The last message was sent.
    Over,
}

impl LiveStream {
    async fn next(mut self) -> Option<(Result<Message, Infallible>, Self)> {
        let message = match self.phase {
            Phase::Opening => {
                self.phase = Phase::Open;
                // Also makes the response's head leave at once.
                Message::default().retry(RETRY).comment("listening")
            }
            Phase::Open | Phase::Draining => match self.receive().await {
                Ok(event) => self.message(&event),
                Err(Closed::Overflowed { dropped }) => {
                    self.phase = Phase::Over;
                    overflow_message(dropped)
                }
                Err(Closed::Done) => return None,
            },
            Phase::Over => return None,
        };
        Some((Ok(message), self))
    }

    async fn receive(&mut self) -> Result<Event, Closed> {
        if let Phase::Open = self.phase {
            tokio::select! {
                biased;
                () = self.context.draining.cancelled() => {
                    self.phase = Phase::Draining;
                    self.receiver.mailbox().close();
                }
                received = self.receiver.recv() => return received,
            }
        }
        self.receiver.recv().await
    }

    fn message(&self, event: &Event) -> Message {
        let localorigin = event.origin() == &**self.context.bus.node();
        Message::default()
            .id(event.id())
            .event(event.event_type())
            .data(CloudEvent::new(event, localorigin).to_json())
    }
}

impl Drop for LiveStream {
    fn drop(&mut self) {
        // Here and not at the last message, which a client that reads nothing never gets.
        self.context
            .metrics
            .stream_dropped
            .inc_by(self.receiver.dropped());
    }
}

fn overflow_message(dropped: u64) -> Message {
    let data = serde_json::to_string(&StreamOverflow { dropped }).expect("a number");
    Message::default().event("overflow").data(data)
}

#[cfg(test)]
mod tests;
