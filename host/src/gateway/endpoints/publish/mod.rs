//! `POST /v1/events`: publish one event or a batch.

mod binary;
mod body;
mod error;
mod receipt;
mod sender;
mod shorthand;
mod structured;
mod submission;
#[cfg(test)]
mod tests;
mod trace;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

pub(in crate::gateway) use body::{
    batch_limit, memory as body_memory, read as read_body, single_limit,
};
pub(in crate::gateway) use error::{BodyError, EventError, JSON_TYPES};
pub(in crate::gateway) use receipt::{Accepted, Receipt};
pub(in crate::gateway) use sender::Sender;
pub(in crate::gateway) use shorthand::NewEvent;
pub(in crate::gateway) use submission::{Mode, Submission, read_held_body};

use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::append::append_named;
use crate::gateway::endpoints::session::published;
use crate::gateway::problem::Problem;
use crate::gateway::query::NoParameters;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// Publish events
///
/// The body is one event in shorthand (`application/json`), or CloudEvents 1.0
/// in structured (`application/cloudevents+json`), batched
/// (`application/cloudevents-batch+json`) or binary mode (`ce-` headers, any
/// media type). A batch has at most 1,000 events and is published whole or not
/// at all. The type arrives under `custom.`. Without attributes of their own,
/// events take the trace context of the request's `traceparent` and
/// `tracestate` headers. An event that names a channel is appended to it: see there. A
/// body may have 4/3 of the largest event and 64 KiB,
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
        (status = 200, description = "Stored in the channel before", body = Receipt),
        (status = 201, description = "Stored in the channel, and published", body = Receipt),
        (status = 202, description = "Published", body = Receipt),
        (status = 400, description = "Bad event", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed to publish such an event, or from a web page of another origin", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The channel is damaged, or the expected position is of another log", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The channel's last event has another number than `If-Match` says", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Event, body or batch too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Unsupported media type", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "More events than the budget allows, or too much of one address is in memory", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Plugins are being loaded, too many bodies are in memory, or the channel's storage is busy or fails", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The channel, or the disk, is full", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn publish(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    NoParameters: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Rejection> {
    let mut submission = Submission::read(&context, &identity, &client, &headers, body).await?;
    let sender = Sender {
        context: &context,
        identity: &identity,
        client: &client,
    };
    if submission
        .drafts
        .iter()
        .any(|draft| draft.channel.is_some())
    {
        if let Some(answer) = published::publish(sender, &mut submission).await? {
            return Ok(answer);
        }
        published::make_durable(sender, &submission).await?;
        return append_named(&context, &client, &identity, &headers, submission).await;
    }
    let receipt = sender.publish(&submission)?;
    Ok((StatusCode::ACCEPTED, receipt).into_response())
}
