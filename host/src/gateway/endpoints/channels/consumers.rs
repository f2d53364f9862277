//! Plugins that consume a channel, for operators.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::at::At;
use super::body;
use super::position::Position;
use super::refusal::ChannelRefusal;
use super::view::ConsumerView;
use crate::consumer::ConsumerFailure;
use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::query::NoParameters;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// Where a plugin is to go on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::gateway) struct Seek {
    /// After the event with this number, 0 for the beginning; optionally with the epoch: `41`,
    /// `"EPOCH-41"`.
    #[schema(value_type = u64)]
    after: Position,
}

/// Dead letters that a plugin is given again.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct Retried {
    /// Name of the channel that their events are from.
    channel: String,
    /// Name of the plugin.
    plugin: String,
    /// How many they are.
    retried: u64,
}

/// Give a plugin its dead letters again
///
/// Those of this channel that it has not been given again yet, with as many attempts as new
/// events. They are events of this channel again, with their numbers there.
#[utoipa::path(
    post,
    path = "/v1/channels/{name}/consumers/{plugin}/retry",
    tag = "channels",
    params(
        ("name" = String, Path, description = "The channel's name"),
        ("plugin" = String, Path, description = "The plugin's name"),
    ),
    responses(
        (status = 200, description = "How many there were", body = Retried),
        (status = 400, description = "Unknown parameter", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel, or the plugin does not consume it", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The storage fails", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn retry(
    State(context): State<Arc<Context>>,
    At((channel, plugin)): At<(String, String)>,
    NoParameters: NoParameters,
) -> Result<Json<Retried>, Rejection> {
    // Which says that the node still starts, where it does.
    context.channel(&channel)?;
    let retried = context.consumers.retry(&plugin, &channel).await;
    Ok(Json(Retried {
        retried: retried.map_err(ChannelRefusal::from)?,
        channel,
        plugin,
    }))
}

/// Have a plugin continue elsewhere
///
/// Forward, which skips events, or back, which gives it events again. How the events that it
/// has in hand end does not change that.
#[utoipa::path(
    post,
    path = "/v1/channels/{name}/consumers/{plugin}/seek",
    tag = "channels",
    params(
        ("name" = String, Path, description = "The channel's name"),
        ("plugin" = String, Path, description = "The plugin's name"),
    ),
    request_body = Seek,
    responses(
        (status = 200, description = "How it stands", body = ConsumerView),
        (status = 400, description = "Bad parameter, body or position", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel, or the plugin does not consume it", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The position is of another log", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Body too large", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The storage fails", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn seek(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    At((name, plugin)): At<(String, String)>,
    NoParameters: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ConsumerView>, Rejection> {
    let channel = context.channel(&name)?;
    let Seek { after } = body::json(&context, &identity, &client, &headers, body).await?;
    let (number, epoch) = (after.number, after.epoch);
    let sought = context.consumers.seek(&plugin, &name, number, epoch).await;
    sought.map_err(ChannelRefusal::from)?;
    let consumers = context.consumers.of_channel(&channel).await;
    let consumers =
        consumers.map_err(|error| ChannelRefusal::from(ConsumerFailure::from(error)))?;
    let found = consumers.into_iter().find(|status| status.plugin == plugin);
    // Somebody has removed it meanwhile.
    let found = found.ok_or_else(|| {
        ChannelRefusal::from(ConsumerFailure::NoConsumer {
            plugin,
            channel: name,
        })
    })?;
    Ok(Json(ConsumerView::from(found)))
}

/// Forget where a plugin is
///
/// Refused while it listens to the channel. If it does so again, it begins as its manifest
/// says.
#[utoipa::path(
    delete,
    path = "/v1/channels/{name}/consumers/{plugin}",
    tag = "channels",
    params(
        ("name" = String, Path, description = "The channel's name"),
        ("plugin" = String, Path, description = "The plugin's name"),
    ),
    responses(
        (status = 204, description = "It is forgotten"),
        (status = 400, description = "Unknown parameter", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel, or the plugin has never consumed it", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The plugin consumes it now", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The storage fails", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn remove(
    State(context): State<Arc<Context>>,
    At((channel, plugin)): At<(String, String)>,
    NoParameters: NoParameters,
) -> Result<StatusCode, Rejection> {
    context.channel(&channel)?;
    let removed = context.consumers.remove(&plugin, &channel).await;
    removed.map_err(ChannelRefusal::from)?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests;
