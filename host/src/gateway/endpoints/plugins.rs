//! `/v1/plugins…`: what operators see of plugins and do to them.

pub(in crate::gateway) mod replay;

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::{CommandFuture, PluginCommandError, PluginStatus};
use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::query::NoParameters;
use crate::gateway::rejection::Rejection;

/// All plugins of the node.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(in crate::gateway) struct PluginList {
    /// Ordered by name.
    plugins: Vec<PluginStatus>,
}

/// The `{name}` of a path.
pub(in crate::gateway) struct PluginName(String);

impl<S: Send + Sync> FromRequestParts<S> for PluginName {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        // A name that is not UTF-8 names no plugin.
        let Path(name) = Path::from_request_parts(parts, state)
            .await
            .map_err(|_| Rejection::NoRoute(parts.uri.path().to_owned()))?;
        Ok(Self(name))
    }
}

/// List the plugins
#[utoipa::path(
    get,
    path = "/v1/plugins",
    tag = "plugins",
    responses(
        (status = 200, description = "All plugins", body = PluginList),
        (status = 400, description = "Unknown parameter", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn list(
    State(context): State<Arc<Context>>,
    NoParameters: NoParameters,
) -> Json<PluginList> {
    Json(PluginList {
        plugins: context.plugins.list(),
    })
}

/// Show a plugin
#[utoipa::path(
    get,
    path = "/v1/plugins/{name}",
    tag = "plugins",
    params(("name" = String, Path, description = "The plugin's name: the stem of its file")),
    responses(
        (status = 200, description = "The plugin", body = PluginStatus),
        (status = 400, description = "Unknown parameter", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn show(
    State(context): State<Arc<Context>>,
    PluginName(name): PluginName,
    NoParameters: NoParameters,
) -> Result<Json<PluginStatus>, Rejection> {
    match context.plugins.get(&name) {
        Some(status) => Ok(Json(status)),
        None => Err(PluginCommandError::NotFound(name).into()),
    }
}

/// Load a plugin's file and manifest again
///
/// Answers when the new version runs. If it fails to load or to start, the old
/// version keeps running.
#[utoipa::path(
    post,
    path = "/v1/plugins/{name}/reload",
    tag = "plugins",
    params(("name" = String, Path, description = "The plugin's name")),
    responses(
        (status = 200, description = "The plugin, reloaded", body = PluginStatus),
        (status = 400, description = "Unknown parameter", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The right `operate` is missing, or from a web page of another origin", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The reload failed", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not done in time", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn reload(
    State(context): State<Arc<Context>>,
    PluginName(name): PluginName,
    NoParameters: NoParameters,
) -> Result<Json<PluginStatus>, Rejection> {
    command(&context, &name, context.plugins.reload(&name)).await
}

/// Pause a plugin
///
/// It finishes the event in hand; further ones wait in its mailbox, which
/// keeps its bounds.
#[utoipa::path(
    post,
    path = "/v1/plugins/{name}/pause",
    tag = "plugins",
    params(("name" = String, Path, description = "The plugin's name")),
    responses(
        (status = 200, description = "The plugin, paused", body = PluginStatus),
        (status = 400, description = "Unknown parameter", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The right `operate` is missing, or from a web page of another origin", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The plugin cannot be paused", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not done in time", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn pause(
    State(context): State<Arc<Context>>,
    PluginName(name): PluginName,
    NoParameters: NoParameters,
) -> Result<Json<PluginStatus>, Rejection> {
    command(&context, &name, context.plugins.pause(&name)).await
}

/// End a plugin's pause or quarantine
#[utoipa::path(
    post,
    path = "/v1/plugins/{name}/resume",
    tag = "plugins",
    params(("name" = String, Path, description = "The plugin's name")),
    responses(
        (status = 200, description = "The plugin, running again", body = PluginStatus),
        (status = 400, description = "Unknown parameter", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The right `operate` is missing, or from a web page of another origin", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The plugin cannot be resumed", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not done in time", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn resume(
    State(context): State<Arc<Context>>,
    PluginName(name): PluginName,
    NoParameters: NoParameters,
) -> Result<Json<PluginStatus>, Rejection> {
    command(&context, &name, context.plugins.resume(&name)).await
}

async fn command(
    context: &Context,
    name: &str,
    result: CommandFuture<'_>,
) -> Result<Json<PluginStatus>, Rejection> {
    let within = context.limits.command_time;
    match tokio::time::timeout(within, result).await {
        Ok(result) => Ok(Json(result?)),
        Err(_) => Err(Rejection::PluginSlow {
            plugin: name.to_owned(),
            within,
        }),
    }
}

#[cfg(test)]
mod tests;
