//! Appending to a channel.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hearken_channel_log::Expected;

use super::address::address;
use super::at::Given;
use super::elsewhere::{append_there, bare, without_node};
use super::etag::etag;
use super::if_match::IfMatch;
use super::refusal::ChannelRefusal;
use crate::access::{Act, Identity};
use crate::channel::{AppendFailure, Channel, NoChannel};
use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::endpoints::publish::{Accepted, Mode, NewEvent, Receipt, Sender, Submission};
use crate::gateway::problem::Problem;
use crate::gateway::query::NoParameters;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// Append events to a channel
///
/// The body is as that of `POST /v1/events`. The answer comes once the events are on disk, where
/// the channel has one, and published. A batch is stored whole or not at all. What is sent
/// again with the same `source` and `id` within the channel's `dedupe` is stored once, and
/// answered with the number of the first. `If-Match: "LAST"` or `"EPOCH-LAST"` has it stored
/// only if that is the channel's last event; `"0"` means that it has none.
#[utoipa::path(
    post,
    path = "/v1/channels/{name}/events",
    tag = "channels",
    params(
        ("name" = String, Path, description = "The channel's name"),
        ("if-match" = Option<String>, Header, description = "Number of the channel's last event, in quotes"),
    ),
    request_body(
        content(
            (NewEvent = "application/json"),
            (crate::gateway::openapi::CloudEventJson = "application/cloudevents+json"),
            (Vec<crate::gateway::openapi::CloudEventJson> = "application/cloudevents-batch+json"),
        ),
    ),
    responses(
        (status = 200, description = "All were stored before", body = Receipt),
        (status = 201, description = "Stored", body = Receipt),
        (status = 400, description = "Bad event, parameter or header", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The right `append` is missing, it is a channel of dead letters, or from a web page of another origin", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The channel is damaged, or the expected position is of another log", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The last event has another number", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Event, body or batch too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Unsupported media type", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Nothing is stored (`overloaded`, `storage-failed`, `starting`), or it is not known whether it is (`outcome-unknown`)", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The channel, or the disk, is full", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn append(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    Given(given): Given,
    NoParameters: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Rejection> {
    // Whoever may not is not told whether there is such a channel.
    context.check(&identity, &Act::Append(bare(&given)), client.address)?;
    let mut submission = Submission::read(&context, &identity, &client, &headers, body).await?;
    let sender = Sender {
        context: &context,
        identity: &identity,
        client: &client,
    };
    let there = append_there(sender, &context, &given, &headers, &mut submission).await?;
    if let Some(answer) = there {
        return Ok(answer);
    }
    let name = without_node(&given, context.bus.node());
    let channel = find(&context, &identity, name)?.map_err(ChannelRefusal::from)?;
    address(&mut submission, name, context.bus.node())?;
    sender.check(&submission)?;
    store(sender, &channel, &headers, submission).await
}

/// Appends what names its channel itself.
pub(in crate::gateway::endpoints) async fn append_named(
    context: &Arc<Context>,
    client: &Client,
    identity: &Identity,
    headers: &HeaderMap,
    mut submission: Submission,
) -> Result<Response, Rejection> {
    let binary = submission.mode == Mode::Binary;
    let names = submission.drafts.iter().map(|draft| &draft.channel);
    let mut names = names.enumerate();
    let Some((_, first)) = names.next() else {
        return Err(Rejection::Internal);
    };
    if let Some((at, other)) = names.find(|(_, name)| *name != first) {
        return Err(ChannelRefusal::OtherChannel {
            at: submission.position(at),
            binary,
            channel: other.as_deref().map(str::to_owned),
        }
        .into());
    }
    let given = first.as_deref().unwrap_or_default().to_owned();
    let name = bare(&given);
    for draft in &mut submission.drafts {
        draft.channel = Some(name.to_owned().into());
    }
    let sender = Sender {
        context,
        identity,
        client,
    };
    sender.check(&submission)?;
    if let Some(answer) = append_there(sender, context, &given, headers, &mut submission).await? {
        return Ok(answer);
    }
    let at = submission.position(0);
    let channel = find(context, identity, without_node(&given, context.bus.node()))?
        .map_err(|error| ChannelRefusal::NoSuchChannelOfEvent { at, binary, error })?;
    store(sender, &channel, headers, submission).await
}

/// The channel of this name, for somebody who may append to it.
fn find(
    context: &Context,
    identity: &Identity,
    name: &str,
) -> Result<Result<Arc<Channel>, NoChannel>, Rejection> {
    let may = |name: &str| identity.check(&Act::Append(name)).is_ok();
    let found = context.find_channel(name)?;
    Ok(found.map_err(|missing| missing.told_to(may)))
}

async fn store(
    sender: Sender<'_>,
    channel: &Arc<Channel>,
    headers: &HeaderMap,
    mut submission: Submission,
) -> Result<Response, Rejection> {
    let expected: Expected = IfMatch::read(headers)?.expected();
    sender.take(submission.drafts.len())?;
    let Sender {
        context,
        identity,
        client,
    } = sender;
    let publisher = client.connection.publisher(identity, &context.bus);
    let principal = identity.principal().to_string();
    let drafts = std::mem::take(&mut submission.drafts);
    let stored = channel
        .append(publisher, &principal, drafts, expected)
        .await;
    let stored = stored.map_err(|error| match error {
        AppendFailure::Event { at, error } => submission.refused(at, error),
        error => ChannelRefusal::from(error).into(),
    })?;
    let status = match stored.events.iter().all(|event| event.duplicate) {
        true if !stored.events.is_empty() => StatusCode::OK,
        _ => StatusCode::CREATED,
    };
    let tag = etag(stored.epoch, stored.last);
    let epoch = stored.epoch.to_string();
    let name = channel.name().as_str();
    let mut accepted = stored
        .events
        .into_iter()
        .map(|event| Accepted::stored(event, name, &epoch));
    let receipt = match submission.mode {
        Mode::Batched => Receipt::Batch(accepted.collect()),
        _ => Receipt::One(accepted.next().ok_or(Rejection::Internal)?),
    };
    Ok((status, [(header::ETAG, tag)], receipt).into_response())
}
