//! `/metrics`, and what the gateway itself counts; `node` and `links` are what is read of
//! the node at each scrape.

mod figure;
mod links;
pub(in crate::gateway) mod node;

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::gateway::Context;
use crate::gateway::rejection::Rejection;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Counters that the gateway itself moves.
#[derive(Debug)]
pub(in crate::gateway) struct GatewayMetrics {
    requests: Family<RequestLabels, Counter>,
    /// Events that streams dropped because their client read too slowly.
    pub(in crate::gateway) stream_dropped: Counter,
    /// Connections that were closed because their address had all that one may have.
    pub(in crate::gateway) refused_connections: Counter,
}

/// All three have few values: unknown methods and paths are put together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

impl GatewayMetrics {
    pub(in crate::gateway) fn register(registry: &mut Registry) -> Self {
        let http = registry.sub_registry_with_prefix("hearken_http");
        let metrics = Self {
            requests: Family::default(),
            stream_dropped: Counter::default(),
            refused_connections: Counter::default(),
        };
        http.register(
            "requests",
            "HTTP requests answered",
            metrics.requests.clone(),
        );
        http.register(
            "stream_dropped_events",
            "Events dropped by event streams whose client read too slowly",
            metrics.stream_dropped.clone(),
        );
        http.register(
            "refused_connections",
            "Connections refused because their address had all that one may have",
            metrics.refused_connections.clone(),
        );
        metrics
    }
}

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
    let method = match request.method() {
        known @ (&Method::GET
        | &Method::HEAD
        | &Method::POST
        | &Method::PUT
        | &Method::DELETE
        | &Method::OPTIONS) => known.to_string(),
        _ => "other".to_owned(),
    };
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let response = next.run(request).await;
    let labels = RequestLabels {
        method,
        route,
        status: response.status().as_u16(),
    };
    context.metrics.requests.get_or_create(&labels).inc();
    response
}

#[cfg(test)]
mod tests;
