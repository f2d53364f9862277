//! `/metrics`: `counted` is what the gateway itself counts; `node`, `channels`, `consumers`,
//! `links` and `sessions` are what is read of the node at each scrape, and `figure` writes it.

mod channels;
mod consumers;
pub(in crate::gateway) mod counted;
mod figure;
mod links;
pub(in crate::gateway) mod node;
mod sessions;

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Show the node's metrics
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "health",
    responses((status = 200, description = "Metrics in the OpenMetrics text format", body = String, content_type = "application/openmetrics-text"))
)]
pub(in crate::gateway) async fn metrics(
    State(context): State<Arc<Context>>,
) -> Result<impl IntoResponse, Rejection> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &context.registry).map_err(|error| {
        tracing::error!(%error, "could not encode the metrics");
        Rejection::Internal
    })?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text))
}

/// Counts every request by method, route and status.
pub(in crate::gateway) async fn count(
    State(context): State<Arc<Context>>,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map(MatchedPath::as_str);
    context.metrics.answered(&method, route, response.status());
    response
}

#[cfg(test)]
mod tests;
