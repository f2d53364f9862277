//! Which channels there are.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::position::limit;
use super::view::ChannelView;
use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::query::Parameters;
use crate::gateway::rejection::Rejection;

/// Channels of one answer unless told.
const DEFAULT_LIMIT: usize = 100;

/// Channels of the node.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct ChannelList {
    /// Ordered by name.
    channels: Vec<ChannelView>,
    /// What to ask for as `after` to go on; absent when there are no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// List the channels
#[utoipa::path(
    get,
    path = "/v1/channels",
    tag = "channels",
    params(
        ("after" = Option<String>, Query, description = "Only those whose name comes behind this one"),
        ("limit" = Option<usize>, Query, description = "Most channels, 1 to 1,000; 100 by default"),
    ),
    responses(
        (status = 200, description = "The channels", body = ChannelList),
        (status = 400, description = "Bad parameter", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The node has not opened its channels yet", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn list(
    State(context): State<Arc<Context>>,
    parameters: Parameters,
) -> Result<Json<ChannelList>, Rejection> {
    parameters.allow(&["after", "limit"])?;
    let limit = limit(&parameters, DEFAULT_LIMIT)?;
    if !context.channels.is_open() {
        return Err(Rejection::Starting);
    }
    let after = parameters.get_filled("after");
    let found = context.channels.list(after, limit);
    let next = (found.len() == limit).then(|| found.last().map(|last| last.name().to_string()));
    let node = context.bus.node();
    let channels = found.iter().filter_map(|channel| channel.status());
    Ok(Json(ChannelList {
        channels: channels
            .map(|status| ChannelView::of(&status, node))
            .collect(),
        next: next.flatten(),
    }))
}
