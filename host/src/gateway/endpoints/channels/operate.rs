//! What operators do to a channel's log.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::at::At;
use super::body;
use super::position::Position;
use super::refusal::ChannelRefusal;
use super::show::{Shown, shown};
use super::view::{ChannelDetails, numbers};
use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::problem::{Numbers, Problem};
use crate::gateway::query::NoParameters;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// What is to be dropped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::gateway) struct Trim {
    /// Events with lower numbers than this, optionally with the epoch: `41`, `"EPOCH-41"`.
    #[schema(value_type = u64)]
    before: Position,
}

/// What is to be given up.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::gateway) struct Repair {
    /// Whether the events that are damaged may be given up; nothing is done otherwise.
    accept_loss: bool,
}

/// Events of a channel that are no longer what was written.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct Damage {
    /// Name of the channel.
    channel: String,
    /// Their numbers.
    ranges: Vec<Numbers>,
}

/// Drop the oldest events
///
/// For good, even those that are kept for readers that have not read them.
#[utoipa::path(
    post,
    path = "/v1/channels/{name}/trim",
    tag = "channels",
    params(("name" = String, Path, description = "The channel's name")),
    request_body = Trim,
    responses(
        (status = 200, description = "The channel", body = ChannelDetails),
        (status = 400, description = "Bad parameter or body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The position is of another log", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Body too large", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The storage fails", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn trim(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    At(name): At<String>,
    NoParameters: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Shown, Rejection> {
    let channel = context.channel(&name)?;
    let Trim { before } = body::json(&context, &identity, &client, &headers, body).await?;
    channel
        .check_epoch(before.epoch)
        .map_err(ChannelRefusal::from)?;
    let trimmed = channel.trim(before.number).await;
    trimmed.map_err(ChannelRefusal::from)?;
    Ok(shown(&context, &channel).await?)
}

/// Check all that is stored
///
/// Reads every event, and answers with the numbers of those that are damaged. If that takes too
/// long (504), it goes on: a later request is told what it finds.
#[utoipa::path(
    post,
    path = "/v1/channels/{name}/verify",
    tag = "channels",
    params(("name" = String, Path, description = "The channel's name")),
    responses(
        (status = 200, description = "What is damaged", body = Damage),
        (status = 400, description = "Unknown parameter", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The storage fails", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not done in time", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn verify(
    State(context): State<Arc<Context>>,
    At(name): At<String>,
    NoParameters: NoParameters,
) -> Result<Json<Damage>, Rejection> {
    let channel = context.channel(&name)?;
    let within: Duration = context.limits.command_time;
    let verified = tokio::time::timeout(within, channel.verify()).await;
    let verified = verified.map_err(|_| ChannelRefusal::VerifySlow { within })?;
    let ranges = verified.map_err(ChannelRefusal::from)?;
    Ok(Json(Damage {
        channel: name,
        ranges: ranges.iter().map(numbers).collect(),
    }))
}

/// Give up events that are damaged
///
/// With `{"accept_loss": true}`, and for good: to readers their numbers are a gap from then
/// on. Answers with those numbers.
#[utoipa::path(
    post,
    path = "/v1/channels/{name}/repair",
    tag = "channels",
    params(("name" = String, Path, description = "The channel's name")),
    request_body = Repair,
    responses(
        (status = 200, description = "What was given up", body = Damage),
        (status = 400, description = "Bad parameter or body, or the loss is not accepted", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Body too large", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The storage fails", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn repair(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    At(name): At<String>,
    NoParameters: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Damage>, Rejection> {
    let channel = context.channel(&name)?;
    let Repair { accept_loss } = body::json(&context, &identity, &client, &headers, body).await?;
    if !accept_loss {
        return Err(ChannelRefusal::LossNotAccepted.into());
    }
    let ranges = channel.repair().await.map_err(ChannelRefusal::from)?;
    Ok(Json(Damage {
        channel: name,
        ranges: ranges.iter().map(numbers).collect(),
    }))
}
