//! `POST /v1/events`: publish one event or a batch.

mod binary;
mod body;
mod error;
mod shorthand;
mod structured;
#[cfg(test)]
mod tests;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;

pub(in crate::gateway) use body::memory as body_memory;
pub(in crate::gateway) use error::{BodyError, EventError, JSON_TYPES};
pub(in crate::gateway) use shorthand::NewEvent;

use crate::access::{Act, Identity};
use crate::bus::{Published, Publisher};
use crate::event::Draft;
use crate::event::cloudevent::rfc3339;
use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::query::NoParameters;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

const SHORTHAND: &str = "application/json";
const STRUCTURED: &str = "application/cloudevents+json";
const BATCHED: &str = "application/cloudevents-batch+json";

/// What a published event was given.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(in crate::gateway) struct Accepted {
    /// The event's id.
    id: String,
    /// When it was published, in RFC 3339.
    time: String,
}

/// What a request to publish is answered with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::gateway) enum Receipt {
    /// For one event.
    One(Accepted),
    /// For a batch, in its order.
    Batch(Vec<Accepted>),
}

/// How a request carries its events.
/// Time for a body to come after which it is asked again whether whoever sends it still may: a
/// key that was removed publishes nothing with requests that were begun before.
const A_WHILE: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Shorthand,
    Structured,
    Batched,
    Binary,
}

/// Publish events
///
/// The body is one event in shorthand (`application/json`), or CloudEvents 1.0
/// in structured (`application/cloudevents+json`), batched
/// (`application/cloudevents-batch+json`) or binary mode (`ce-` headers, any
/// media type). A batch has at most 1,000 events and is published whole or not
/// at all. The type arrives under `custom.`. Without attributes of their own,
/// events take the trace context of the request's `traceparent` and
/// `tracestate` headers. A body may have 4/3 of the largest event and 64 KiB,
/// a batch four times that. Until the node has loaded its plugins, which would
/// miss the events, it answers 503.
#[utoipa::path(
    post,
    path = "/v1/events",
    tag = "events",
    request_body(
        content(
            (NewEvent = "application/json"),
            (crate::gateway::openapi::CloudEventJson = "application/cloudevents+json"),
            (Vec<crate::gateway::openapi::CloudEventJson> = "application/cloudevents-batch+json"),
        ),
    ),
    responses(
        (status = 202, description = "Published", body = Receipt),
        (status = 400, description = "Bad event", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed to publish such an event, or from a web page of another origin", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Event, body or batch too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Unsupported media type", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "More events than the budget allows, or too much of one address is in memory", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Plugins are being loaded, or too many bodies are in memory", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn publish(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    NoParameters: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Receipt>), Rejection> {
    let mode = mode(&headers)?;
    let limit = match mode {
        Mode::Batched => body::batch_limit(&context.bus),
        _ => body::single_limit(&context.bus),
    };
    let began = Instant::now();
    let body = body::read(&context, &client, &headers, body, limit).await?;
    if began.elapsed() >= A_WHILE {
        identity.check_holds().map_err(Rejection::AccessEnded)?;
    }
    // Only now: who has sent the whole body gets to read the answer.
    if !context.readiness.is_ready() {
        return Err(Rejection::Starting);
    }
    let sender = Sender {
        context: &context,
        identity: &identity,
        client: &client,
        publisher: client.connection.publisher(&identity, &context.bus),
    };
    let receipt = match mode {
        Mode::Shorthand => sender.publish_one(&headers, mode, shorthand::read(&body.bytes)),
        Mode::Structured => sender.publish_one(&headers, mode, structured::read(&body.bytes)),
        Mode::Binary => sender.publish_one(&headers, mode, binary::read(&headers, &body.bytes)),
        Mode::Batched => sender.publish_batch(&headers, &body.bytes),
    }?;
    Ok((StatusCode::ACCEPTED, Json(receipt)))
}

/// Who publishes.
struct Sender<'r> {
    context: &'r Context,
    identity: &'r Identity,
    client: &'r Client,
    publisher: Arc<Publisher>,
}

impl Sender<'_> {
    fn publish_one(
        &self,
        headers: &HeaderMap,
        mode: Mode,
        draft: Result<Draft<'static>, EventError>,
    ) -> Result<Receipt, Rejection> {
        let mut draft = draft.map_err(|error| Rejection::Event { at: None, error })?;
        trace::inherit(headers, std::slice::from_mut(&mut draft));
        self.check(&draft)?;
        self.take(1)?;
        match self.publisher.publish(&draft) {
            Ok(event) => Ok(Receipt::One(Accepted::from(&event))),
            Err(error) => Err(Rejection::Publish {
                at: None,
                binary: mode == Mode::Binary,
                error,
            }),
        }
    }

    fn publish_batch(&self, headers: &HeaderMap, body: &[u8]) -> Result<Receipt, Rejection> {
        let most = self.context.limits.batch_events;
        let mut drafts = structured::read_batch(body, most)
            .map_err(|(at, error)| Rejection::Event { at, error })?;
        trace::inherit(headers, &mut drafts);
        for (at, draft) in drafts.iter().enumerate() {
            self.check(draft).map_err(|refused| refused.of_event(at))?;
        }
        self.take(drafts.len())?;
        match self.publisher.publish_all(&drafts) {
            Ok(events) => Ok(Receipt::Batch(events.iter().map(Accepted::from).collect())),
            Err((at, error)) => Err(Rejection::Publish {
                at: Some(at),
                binary: false,
                error,
            }),
        }
    }

    /// Checks that whoever publishes may publish this.
    fn check(&self, draft: &Draft<'_>) -> Result<(), Rejection> {
        let check = |act| self.context.check(self.identity, &act, self.client.address);
        check(Act::Publish(draft.event_type.as_str()))?;
        match &draft.channel {
            Some(channel) => check(Act::Append(channel)),
            None => Ok(()),
        }
    }

    /// Takes so many events out of the budget.
    fn take(&self, events: usize) -> Result<(), Rejection> {
        self.identity.budget().take(events).map_err(|over| {
            self.context.denials.over_budget();
            over.into()
        })
    }
}

impl From<&Published<'_>> for Accepted {
    fn from(event: &Published<'_>) -> Self {
        Self {
            id: event.id(),
            time: rfc3339(event.time()),
        }
    }
}

/// Tells the mode as the HTTP binding of CloudEvents does (section 3): first by
/// the media type, then by the headers.
fn mode(headers: &HeaderMap) -> Result<Mode, Rejection> {
    if let Some(coding) = headers.get(header::CONTENT_ENCODING)
        && coding != "identity"
    {
        return Err(Rejection::ContentEncoding(
            String::from_utf8_lossy(coding.as_bytes()).into_owned(),
        ));
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let essence = content_type
        .as_deref()
        .and_then(|value| value.split(';').next())
        .map(|essence| essence.trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some(STRUCTURED) => Ok(Mode::Structured),
        Some(BATCHED) => Ok(Mode::Batched),
        Some(other) if other.starts_with("application/cloudevents") => Err(Rejection::MediaType {
            given: format!("`{other}`"),
        }),
        _ if binary::is_binary(headers) => Ok(Mode::Binary),
        Some(SHORTHAND) => Ok(Mode::Shorthand),
        Some(other) => Err(Rejection::MediaType {
            given: format!("`{other}`"),
        }),
        None => Err(Rejection::MediaType {
            given: "not given".to_owned(),
        }),
    }
}
