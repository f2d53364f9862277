//! `POST` and `DELETE /v1/plugins/{name}/replay`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;

use super::{PluginName, command};
use crate::admin::{PluginStatus, ReplayRequest};
use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::body;
use crate::gateway::problem::Problem;
use crate::gateway::query::NoParameters;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// Hand a plugin events of a channel again
///
/// In addition to everything else: its place in the channel does not move, and what fails is
/// counted and not tried again. Answers when it begins; the plugin's `replay` tells how far it
/// is. With `copy` a copy of the plugin gets them, whose effects are logged and not done; the
/// answer is then the copy, which is gone once it is done.
#[utoipa::path(
    post,
    path = "/v1/plugins/{name}/replay",
    tag = "plugins",
    params(("name" = String, Path, description = "The plugin's name")),
    request_body = ReplayRequest,
    responses(
        (status = 200, description = "The plugin that is handed them", body = PluginStatus),
        (status = 400, description = "Bad parameter or body", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The right `operate` is missing, or from a web page of another origin", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The plugin cannot be handed them", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Body too large", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not begun in time", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn replay(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    PluginName(name): PluginName,
    NoParameters: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PluginStatus>, Rejection> {
    let request: ReplayRequest = body::json(&context, &identity, &client, &headers, body).await?;
    command(&context, &name, context.plugins.replay(&name, request)).await
}

/// End a plugin's replay
///
/// What it has in hand is finished; then no more of the range is handed to the plugin, or to
/// its copy, which is then gone. Its `replay` tells how far it came.
#[utoipa::path(
    delete,
    path = "/v1/plugins/{name}/replay",
    tag = "plugins",
    params(("name" = String, Path, description = "The plugin's name")),
    responses(
        (status = 200, description = "The plugin", body = PluginStatus),
        (status = 400, description = "Unknown parameter", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The right `operate` is missing, or from a web page of another origin", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such plugin", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is handed nothing again", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "Not done in time", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn end(
    State(context): State<Arc<Context>>,
    PluginName(name): PluginName,
    NoParameters: NoParameters,
) -> Result<Json<PluginStatus>, Rejection> {
    command(&context, &name, context.plugins.end_replay(&name)).await
}
