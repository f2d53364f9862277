//! What the gateway itself counts.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Counters that the gateway itself moves.
#[derive(Debug)]
pub(in crate::gateway) struct GatewayMetrics {
    requests: Family<RequestLabels, Counter>,
    /// Events that streams dropped because their client read too slowly.
    pub(in crate::gateway) stream_dropped: Counter,
    denied: Family<DenialLabels, Counter>,
    server_api: Family<MethodLabels, Histogram, fn() -> Histogram>,
    server_api_errors: Family<ErrorLabels, Counter>,
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

/// Why a request was refused for who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Denial {
    /// Nobody knows who it is.
    Unauthenticated,
    /// They may not.
    Forbidden,
    /// They may, but not so much.
    OverBudget,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DenialLabels {
    reason: &'static str,
}

/// A method of the API for servers of applications.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabels {
    method: &'static str,
}

/// What such a call was answered with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    method: &'static str,
    code: u32,
}

/// Up to how many seconds a call took that is counted in each class.
const CALL_CLASSES: [f64; 8] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.1, 1.0];

impl Denial {
    const ALL: [Self; 3] = [Self::Unauthenticated, Self::Forbidden, Self::OverBudget];
}

impl DenialLabels {
    fn of(denial: Denial) -> Self {
        Self {
            reason: match denial {
                Denial::Unauthenticated => "unauthenticated",
                Denial::Forbidden => "forbidden",
                Denial::OverBudget => "over-budget",
            },
        }
    }
}

impl GatewayMetrics {
    pub(in crate::gateway) fn register(registry: &mut Registry) -> Self {
        let http = registry.sub_registry_with_prefix("hearken_http");
        let metrics = Self {
            requests: Family::default(),
            stream_dropped: Counter::default(),
            refused_connections: Counter::default(),
            denied: Family::default(),
            server_api: Family::new_with_constructor(|| Histogram::new(CALL_CLASSES)),
            server_api_errors: Family::default(),
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
        http.register(
            "denied_requests",
            "HTTP requests refused for who sent them",
            metrics.denied.clone(),
        );
        let server_api = registry.sub_registry_with_prefix("hearken_server_api");
        server_api.register_with_unit(
            "command_duration",
            "Time to carry out a command of a server of an application",
            Unit::Seconds,
            metrics.server_api.clone(),
        );
        server_api.register(
            "errors",
            "Commands of servers of applications that were answered with an error",
            metrics.server_api_errors.clone(),
        );
        // So that what has never happened is there, and not missing.
        for denial in Denial::ALL {
            metrics
                .denied
                .get_or_create(&DenialLabels::of(denial))
                .inc_by(0);
        }
        metrics
    }

    /// A request was refused for who sent it.
    pub(in crate::gateway) fn denied(&self, denial: Denial) {
        self.denied.get_or_create(&DenialLabels::of(denial)).inc();
    }

    /// A command of a server of an application was carried out; `error` is the code of what it
    /// was answered with if that is one.
    pub(in crate::gateway) fn called(
        &self,
        method: &'static str,
        took: Duration,
        error: Option<u32>,
    ) {
        let labels = MethodLabels { method };
        self.server_api
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
        if let Some(code) = error {
            let labels = ErrorLabels { method, code };
            self.server_api_errors.get_or_create(&labels).inc();
        }
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
