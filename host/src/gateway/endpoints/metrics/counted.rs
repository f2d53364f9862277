//! What the gateway itself counts.

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

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

    /// A request was answered; `route` is none where none matched.
    pub(in crate::gateway) fn answered(
        &self,
        method: &Method,
        route: Option<&str>,
        status: StatusCode,
    ) {
        let method = match method {
            known @ (&Method::GET
            | &Method::HEAD
            | &Method::POST
            | &Method::PUT
            | &Method::DELETE
            | &Method::OPTIONS) => known.to_string(),
            _ => "other".to_owned(),
        };
        let labels = RequestLabels {
            method,
            route: route.unwrap_or("none").to_owned(),
            status: status.as_u16(),
        };
        self.requests.get_or_create(&labels).inc();
    }
}
