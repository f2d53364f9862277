//! `/v1/nodes`: what operators see of the cluster.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::{NodeState, NodeStatus};
use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::query::NoParameters;

/// All nodes of the cluster that the node knows.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(in crate::gateway) struct NodeList {
    /// The node that answers first, the others by name.
    nodes: Vec<NodeStatus>,
}

/// List the nodes of the cluster
///
/// As the node that answers sees them: itself, and the link to each other.
#[utoipa::path(
    get,
    path = "/v1/nodes",
    tag = "nodes",
    responses(
        (status = 200, description = "All nodes", body = NodeList),
        (status = 400, description = "Unknown parameter", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn list(
    State(context): State<Arc<Context>>,
    NoParameters: NoParameters,
) -> Json<NodeList> {
    let mut nodes = context.cluster.nodes();
    let own = nodes.iter_mut().find(|node| node.state == NodeState::This);
    if let Some(own) = own {
        own.troubles = context.readiness.troubles();
    }
    Json(NodeList { nodes })
}

#[cfg(test)]
mod tests;
