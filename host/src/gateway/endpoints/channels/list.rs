//! Which channels there are.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::position::limit;
use super::view::{ChannelElsewhere, ChannelView};
use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::query::{Parameters, QueryError};
use crate::gateway::rejection::Rejection;

/// Channels of one answer unless told.
const DEFAULT_LIMIT: usize = 100;

/// Channels of the node, or of all.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct ChannelList {
    /// Ordered by name.
    channels: Vec<Listed>,
    /// What to ask for as `after` to go on; absent when there are no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Listed {
    /// On the node that answers.
    Here(Box<ChannelView>),
    /// On another one.
    There(ChannelElsewhere),
}

/// List the channels
///
/// Those of the node that answers; with `cluster=true` those of other nodes too, with name,
/// epoch, node and state. Channels of one name stand together, even if they are more than
/// `limit`.
#[utoipa::path(
    get,
    path = "/v1/channels",
    tag = "channels",
    params(
        ("after" = Option<String>, Query, description = "Only those whose name comes after this one"),
        ("limit" = Option<usize>, Query, description = "Most channels, 1 to 1,000; 100 by default"),
        ("cluster" = Option<bool>, Query, description = "Whether those of other nodes are listed too; not by default"),
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
    parameters.allow(&["after", "limit", "cluster"])?;
    let limit = limit(&parameters, DEFAULT_LIMIT)?;
    let all_nodes = cluster(&parameters)?;
    if !context.channels.is_open() {
        return Err(Rejection::Starting);
    }
    let after = parameters.get_filled("after");
    let node = context.bus.node();
    let mut found: Vec<(String, Listed)> = Vec::new();
    for channel in context.channels.list(after, limit) {
        if let Some(status) = channel.status() {
            let name = channel.name().to_string();
            let also_on = context.also_on(&name);
            let view = ChannelView::of(&status, node).beside(also_on);
            found.push((name, Listed::Here(Box::new(view))));
        }
    }
    if all_nodes {
        let there = context.elsewhere.behind(after, limit).into_iter();
        found.extend(there.map(|(name, holder)| {
            let listed = Listed::There(ChannelElsewhere::of(&name, &holder));
            (name.to_string(), listed)
        }));
        // Those of this node stay first.
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
    }
    let next = found.get(limit - 1).map(|(last, _)| last.clone());
    if let Some(last) = &next {
        found.retain(|(name, _)| name <= last);
    }
    Ok(Json(ChannelList {
        channels: found.into_iter().map(|(_, listed)| listed).collect(),
        next,
    }))
}

/// Whether the channels of all nodes are listed.
fn cluster(parameters: &Parameters) -> Result<bool, QueryError> {
    match parameters.get_filled("cluster") {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(QueryError::Invalid {
            name: "cluster",
            reason: format!("{other:?} is neither `true` nor `false`"),
        }),
    }
}
