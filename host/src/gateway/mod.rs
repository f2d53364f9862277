//! The node's HTTP face: translates requests into calls on the bus and on the
//! plugins' operator port, and results back. It decides nothing itself.
//!
//! | file | what it translates |
//! | --- | --- |
//! | `publish` | `POST /v1/events`: shorthand and the three CloudEvents modes |
//! | `stream` | `GET /v1/events`: server-sent events |
//! | `wait` | `GET /v1/wait` |
//! | `plugins` | `/v1/plugins…` |
//! | `nodes` | `/v1/nodes` |
//! | `health` | `/livez`, `/readyz` |
//! | `hosts`, `origin` | what browsers ask on behalf of pages that have no business here |
//! | `metrics`, `node_metrics`, `link_metrics` | `/metrics`: what is counted here, and what is read at each scrape |
//! | `openapi` | all routes, and `/openapi.json` which describes them |
//! | `rejection` | what can go wrong, and the status and problem that it becomes |
//! | `serve` | connections: time-outs, bounds and draining |

mod health;
mod hosts;
mod limits;
mod link_metrics;
mod metrics;
mod nearest;
mod node_metrics;
mod nodes;
mod openapi;
mod origin;
mod plugins;
mod problem;
mod publish;
mod query;
mod rejection;
mod serve;
mod stream;
#[cfg(test)]
mod test_support;
mod wait;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware;
use bytes::Bytes;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::admin::{ClusterAdmin, PluginAdmin};
use crate::bus::{Bus, Publisher};

pub use health::Readiness;
pub use hosts::AllowedHosts;
pub use limits::GatewayLimits;
pub use problem::{Problem, ProblemError};
pub use serve::GatewayError;

use node_metrics::NodeCollector;
use rejection::Rejection;

/// What a gateway needs.
pub struct GatewayConfig {
    /// The node's bus.
    pub bus: Bus,
    /// The node's plugins.
    pub plugins: Arc<dyn PluginAdmin>,
    /// The cluster as the node sees it.
    pub cluster: Arc<dyn ClusterAdmin>,
    /// Says when the node has loaded its plugins.
    pub readiness: Readiness,
    /// The names under which the node answers.
    pub hosts: AllowedHosts,
    /// Bounds.
    pub limits: GatewayLimits,
    /// Where the gateway registers its metrics, and what `/metrics` shows.
    pub registry: Registry,
}

/// The HTTP face of one node.
pub struct Gateway {
    context: Arc<Context>,
}

/// What handlers share.
struct Context {
    bus: Bus,
    publisher: Publisher,
    plugins: Arc<dyn PluginAdmin>,
    cluster: Arc<dyn ClusterAdmin>,
    readiness: Readiness,
    hosts: AllowedHosts,
    limits: GatewayLimits,
    /// Open `GET /v1/events`.
    streams: Arc<Semaphore>,
    /// Open `GET /v1/wait`.
    waiters: Arc<Semaphore>,
    /// KiB of request bodies in memory.
    bodies: Arc<Semaphore>,
    /// Cancelled once the gateway drains.
    draining: CancellationToken,
    registry: Registry,
    metrics: metrics::GatewayMetrics,
    openapi: Bytes,
}

impl Gateway {
    /// A gateway that serves nobody yet.
    #[must_use]
    pub fn new(config: GatewayConfig) -> Self {
        let GatewayConfig {
            bus,
            plugins,
            cluster,
            readiness,
            hosts,
            limits,
            mut registry,
        } = config;
        let streams = Arc::new(Semaphore::new(limits.streams));
        let waiters = Arc::new(Semaphore::new(limits.waiters));
        let metrics = metrics::GatewayMetrics::register(&mut registry);
        NodeCollector {
            bus: bus.clone(),
            plugins: Arc::clone(&plugins),
            cluster: Arc::clone(&cluster),
            open: [
                ("stream", Arc::clone(&streams), limits.streams),
                ("waiter", Arc::clone(&waiters), limits.waiters),
            ],
        }
        .register(&mut registry);
        let source = format!("/nodes/{}/clients/http", bus.node());
        Self {
            context: Arc::new(Context {
                publisher: bus.publisher(source, "http"),
                bodies: Arc::new(Semaphore::new(publish::body_budget(&limits, &bus))),
                openapi: openapi::document(),
                draining: CancellationToken::new(),
                bus,
                plugins,
                cluster,
                readiness,
                hosts,
                limits,
                streams,
                waiters,
                registry,
                metrics,
            }),
        }
    }

    /// All routes, without the bounds on connections that [`Gateway::serve`] adds.
    pub fn router(&self) -> Router {
        let context = &self.context;
        let hosts =
            middleware::from_fn_with_state(Arc::clone(context), hosts::refuse_foreign_hosts);
        let count = middleware::from_fn_with_state(Arc::clone(context), metrics::count);
        let (routes, _) = openapi::routes().split_for_parts();
        routes
            .fallback(no_route)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(middleware::from_fn(origin::refuse_foreign_pages))
            .layer(hosts)
            .layer(CatchPanicLayer::custom(rejection::panicked))
            .layer(count)
            .with_state(Arc::clone(context))
    }
}

async fn no_route(uri: Uri) -> Rejection {
    Rejection::NoRoute(uri.path().to_owned())
}

async fn method_not_allowed(method: Method, uri: Uri) -> Rejection {
    Rejection::MethodNotAllowed {
        method,
        path: uri.path().to_owned(),
    }
}

#[cfg(test)]
mod tests;
