//! The node's HTTP face: translates requests into calls on the bus and on the
//! plugins' operator port, and results back. It decides nothing itself.
//!
//! - `serve` is how bytes come in: connections, their bounds, and which pages may ask.
//! - `endpoints` are the routes, one file or folder each.
//! - `answers` takes requests that other nodes pass on.
//! - `caller` asks who sends a request and whether they may.
//! - `openapi` puts the routes together, and describes them.
//! - `context` is what all of these share, and `readiness` whether the node takes events.
//! - `query` reads parameters, `rejection` is what can go wrong, and the status and `problem`
//!   that it becomes, which says with a `pointer` where; `limits` are the bounds.
//! - `shared_secret` is what the users of an API of its own show.

mod answers;
mod caller;
mod context;
mod endpoints;
mod limits;
mod openapi;
mod pointer;
mod problem;
mod query;
mod readiness;
mod rejection;
mod serve;
mod shared_secret;
#[cfg(test)]
mod test_support;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware;
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::access::Access;
use crate::admin::{ClusterAdmin, PluginAdmin};
use crate::bus::Bus;
use crate::channel::Channels;
use crate::consumer::Consumers;
use crate::passing::{Answers, Elsewhere};
use crate::session::Sessions;

pub use endpoints::ganomede::GanomedeConfig;
pub use limits::{COMMAND_TIME, GatewayLimits};
pub use problem::{Problem, ProblemError};
pub use readiness::Readiness;
pub use serve::hosts::{ANY_HOST, AllowedHosts, is_loopback};
pub use serve::server::Stages;
pub use serve::tls::{HttpTls, HttpTlsError, HttpTlsFiles, OtherFiles};
pub use shared_secret::SharedSecret;

use answers::Answering;
use caller::denials::Denials;
use context::Context;
use endpoints::channels::READS_AT_ONCE;
use endpoints::ganomede::Ganomede;
use endpoints::metrics::counted::GatewayMetrics;
use endpoints::metrics::node::NodeCollector;
use endpoints::stream::memory::StreamMemory;
use endpoints::stream::rendering::Renderings;
use endpoints::{channels::elsewhere, dev, ganomede, health, metrics, publish};
use openapi::document;
use rejection::Rejection;
use serve::guard;
use serve::slots::Slots;

/// The part of the streams' memory in which texts are kept for the next who gets them.
const KEPT_TEXTS: usize = 8;

/// Largest events for which there is always room in the streams' memory.
const LARGEST_IN_STREAMS: usize = 8;

/// What a gateway needs.
pub struct GatewayConfig {
    /// The node's bus.
    pub bus: Bus,
    /// The node's plugins.
    pub plugins: Arc<dyn PluginAdmin>,
    /// The node's channels.
    pub channels: Channels,
    /// Where the node's plugins are in them.
    pub consumers: Consumers,
    /// The node's sessions.
    pub sessions: Sessions,
    /// The key with which servers of applications command them, beside those of `access`.
    pub server_key: Option<SharedSecret>,
    /// Those of other nodes.
    pub elsewhere: Arc<dyn Elsewhere>,
    /// The cluster as the node sees it.
    pub cluster: Arc<dyn ClusterAdmin>,
    /// Says when the node has loaded its plugins.
    pub readiness: Readiness,
    /// Who may do what.
    pub access: Access,
    /// The names under which the node answers.
    pub hosts: AllowedHosts,
    /// Encrypts connections; without it none is.
    pub tls: Option<HttpTls>,
    /// The API of ganomede-events; without it there is none.
    pub ganomede: Option<GanomedeConfig>,
    /// Whether there are pages to try the node with.
    pub dev: bool,
    /// Bounds.
    pub limits: GatewayLimits,
    /// Where the gateway registers its metrics, and what `/metrics` shows.
    pub registry: Registry,
}

/// The HTTP face of one node.
pub struct Gateway {
    context: Arc<Context>,
    tls: Option<HttpTls>,
    ganomede: Option<Arc<Ganomede>>,
    dev: bool,
}

impl Gateway {
    /// A gateway that serves nobody yet.
    #[must_use]
    pub fn new(config: GatewayConfig) -> Self {
        let GatewayConfig {
            bus,
            plugins,
            channels,
            consumers,
            sessions,
            server_key,
            elsewhere,
            cluster,
            readiness,
            access,
            hosts,
            tls,
            ganomede,
            dev,
            limits,
            mut registry,
        } = config;
        let slots = |limit| Arc::new(Slots::new(limit, limits.address_share));
        let (streams, waiters) = (slots(limits.streams), slots(limits.waiters));
        let metrics = Arc::new(GatewayMetrics::register(&mut registry));
        NodeCollector {
            bus: bus.clone(),
            plugins: Arc::clone(&plugins),
            cluster: Arc::clone(&cluster),
            channels: channels.clone(),
            sessions: sessions.clone(),
            open: [
                ("stream", Arc::clone(&streams)),
                ("waiter", Arc::clone(&waiters)),
            ],
        }
        .register(&mut registry);
        let least = bus.max_event_bytes().saturating_mul(LARGEST_IN_STREAMS);
        let stream_memory = limits.stream_memory.max(least);
        Self {
            tls,
            dev,
            ganomede: ganomede.map(Ganomede::new).map(Arc::new),
            context: Arc::new(Context {
                denials: Denials::new(&bus, Arc::clone(&metrics)),
                access,
                renderings: Renderings::new(Arc::clone(bus.node()), stream_memory / KEPT_TEXTS),
                stream_memory: Arc::new(StreamMemory::new(stream_memory)),
                grace_ends: OnceLock::new(),
                bodies: Arc::new(publish::body_memory(&limits, &bus)),
                reads: Semaphore::new(READS_AT_ONCE),
                openapi: document::document(),
                draining: CancellationToken::new(),
                bus,
                plugins,
                channels,
                consumers,
                sessions,
                server_key,
                inboxes: Arc::default(),
                elsewhere,
                ways: elsewhere::Ways::new(limits.address_share),
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
            middleware::from_fn_with_state(Arc::clone(context), guard::refuse_foreign_hosts);
        let pages =
            middleware::from_fn_with_state(Arc::clone(context), guard::refuse_foreign_pages);
        let drain =
            middleware::from_fn_with_state(Arc::clone(context), health::refuse_when_draining);
        let guarded = |routes: Router<Arc<Context>>| {
            routes
                .layer(pages.clone())
                .layer(hosts.clone())
                .layer(CatchPanicLayer::custom(rejection::panicked))
        };
        let mut routes = guarded(self.routes());
        if let Some(ganomede) = &self.ganomede {
            let answer =
                middleware::from_fn_with_state(Arc::clone(context), ganomede::answers::answer);
            let ganomede = ganomede::routes(ganomede).layer(drain);
            routes = routes.merge(guarded(ganomede).layer(answer));
        }
        if self.dev {
            let pages = Router::new()
                .route("/dev/chat/", get(dev::chat))
                .route("/dev/chat", get(dev::to_chat));
            routes = routes.merge(guarded(pages));
        }
        self.counted(routes)
    }

    /// Answers requests that other nodes pass on, on the runtime that this is called on.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn answers(&self) -> Arc<dyn Answers> {
        // No page sends them, and under its own name the node is asked already.
        let routes = self.routes();
        let routes = routes.layer(CatchPanicLayer::custom(rejection::panicked));
        Arc::new(Answering::new(self.counted(routes)))
    }

    /// All routes, for whoever may.
    fn routes(&self) -> Router<Arc<Context>> {
        let context = &self.context;
        let pass_on = middleware::from_fn_with_state(Arc::clone(context), elsewhere::pass_on);
        let ask = middleware::from_fn_with_state(Arc::clone(context), caller::ask);
        let drain =
            middleware::from_fn_with_state(Arc::clone(context), health::refuse_when_draining);
        let (channels, _) = document::channel_routes().split_for_parts();
        let (others, _) = document::other_routes().split_for_parts();
        others
            .merge(channels.route_layer(pass_on))
            .fallback(no_route)
            .method_not_allowed_fallback(method_not_allowed)
            .route_layer(ask)
            .layer(drain)
    }

    /// Routes whose answers are counted, whatever happens.
    fn counted(&self, routes: Router<Arc<Context>>) -> Router {
        let context = &self.context;
        let count = middleware::from_fn_with_state(Arc::clone(context), metrics::count);
        routes.layer(count).with_state(Arc::clone(context))
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
