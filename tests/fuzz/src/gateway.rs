//! A node's HTTP routes without the node: a bus, and nobody else.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::HOST;
use axum::http::{HeaderValue, Request, Response};
use hearken::access::Access;
use hearken::admin::{
    ClusterAdmin, CommandFuture, NodeStatus, PluginAdmin, PluginCommandError, PluginStatus,
    ReplayRequest,
};
use hearken::bus::{
    Bus, BusConfig, Filter, MailboxLimits, Overflow, Receiver, ReceiverKind, Subscription,
};
use hearken::channel::{ChannelSettings, Channels, Engines, NodeEnvironment};
use hearken::clock::SystemClock;
use hearken::config::NodeConfig;
use hearken::consumer::Consumers;
use hearken::event::{CloudEvent, Pattern};
use hearken::gateway::{
    AllowedHosts, GanomedeConfig, Gateway, GatewayConfig, GatewayLimits, Readiness, SharedSecret,
};
use hearken::mesh;
use hearken::passing::Alone;
use hearken::session::{Namespaces, NoHooks, Sessions, Surroundings};
use hearken_channel_log::ChannelName;
use hearken_channel_log::memory::{Memory, MemorySettings};
use prometheus_client::registry::Registry;
use tower::ServiceExt;

/// The routes, and who receives all that is published through them.
pub struct Node {
    /// What it runs on.
    pub runtime: tokio::runtime::Runtime,
    router: Router,
    receiver: Receiver,
}

/// Longest that a request may take: waits have a time-out of their own.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(600);

impl Node {
    /// A node without plugins and without others.
    ///
    /// # Panics
    /// When the system has no runtime to give.
    #[must_use]
    pub fn new() -> Self {
        // Time passes as soon as nothing else happens, so that waits are over at once.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let bus = Bus::new(BusConfig {
            node: "a".into(),
            incarnation: "i".into(),
            max_event_bytes: 4096,
            clock: Arc::new(SystemClock),
        });
        let everything = Pattern::new("*").expect("a pattern");
        let receiver = bus.subscribe(Subscription {
            name: "all".into(),
            kind: ReceiverKind::Stream,
            filters: vec![Filter::new(everything)],
            limits: MailboxLimits {
                events: 4096,
                bytes: 64 << 20,
            },
            overflow: Overflow::DropOldest,
            partitions: 1,
        });
        let readiness = Readiness::default();
        readiness.plugins_loaded();
        let channels = runtime.block_on(channels(&bus));
        let environment = Arc::new(NodeEnvironment::new(Arc::new(SystemClock)));
        let access = Access::open(Arc::new(SystemClock));
        let surroundings = Surroundings {
            bus: bus.clone(),
            channels: channels.clone(),
            access: access.clone(),
            environment: Arc::clone(&environment) as _,
            hooks: Arc::new(NoHooks),
            mesh: Arc::new(mesh::Alone(Arc::clone(bus.node()))),
        };
        let settings = NodeConfig::default().sessions;
        // Sessions run on it.
        let sessions = {
            let _entered = runtime.enter();
            Sessions::new(surroundings, settings, Namespaces::default())
        };
        let gateway = Gateway::new(GatewayConfig {
            consumers: Consumers::new(&channels, &bus, environment),
            sessions,
            server_key: None,
            channels,
            bus,
            plugins: Arc::new(Nobody),
            elsewhere: Arc::new(Alone),
            cluster: Arc::new(Nobody),
            readiness,
            access,
            hosts: AllowedHosts::any(),
            tls: None,
            ganomede: Some(GanomedeConfig {
                secret: SharedSecret::new("s"),
                create: true,
                poll_timeout: Duration::from_secs(5),
                started: 0,
            }),
            dev: false,
            limits: GatewayLimits::default(),
            registry: Registry::default(),
        });
        Self {
            router: gateway.router(),
            runtime,
            receiver,
        }
    }

    /// The answer to a request.
    ///
    /// # Panics
    /// When there is none.
    pub async fn send(&self, mut request: Request<Body>) -> Response<Body> {
        // What does not say to whom it is sent is refused before it is looked at.
        let host = HeaderValue::from_static("localhost");
        request.headers_mut().entry(HOST).or_insert(host);
        let answer = self.router.clone().oneshot(request);
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, answer).await;
        answer.expect("an answer").expect("never fails")
    }

    /// What was published since the last call, as CloudEvents JSON.
    ///
    /// # Panics
    /// When the bus has ended.
    pub fn taken(&self) -> impl Iterator<Item = String> {
        let mailbox = self.receiver.mailbox();
        std::iter::from_fn(|| {
            let event = mailbox.try_recv(0).expect("the bus is there")?;
            Some(CloudEvent::new(&event, true).to_json())
        })
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::new()
    }
}

/// Channels in memory, one of them `orders`.
async fn channels(bus: &Bus) -> Channels {
    let engine = || {
        let environment = Arc::new(NodeEnvironment::new(Arc::new(SystemClock)));
        Arc::new(Memory::new(environment, MemorySettings::default()))
    };
    let engines = Engines {
        disk: engine(),
        memory: engine(),
    };
    let name = ChannelName::new("orders").expect("a name");
    let channels = Channels::new(bus);
    let opened = channels.open(engines, [(name, ChannelSettings::default())].into());
    opened.await.expect("they open");
    channels
}

struct Nobody;

impl PluginAdmin for Nobody {
    fn list(&self) -> Vec<PluginStatus> {
        Vec::new()
    }

    fn get(&self, _: &str) -> Option<PluginStatus> {
        None
    }

    fn reload<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        not_found(name)
    }

    fn pause<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        not_found(name)
    }

    fn resume<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        not_found(name)
    }

    fn replay<'a>(&'a self, name: &'a str, _: ReplayRequest) -> CommandFuture<'a> {
        not_found(name)
    }

    fn end_replay<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        not_found(name)
    }
}

fn not_found(name: &str) -> CommandFuture<'_> {
    Box::pin(async move { Err(PluginCommandError::NotFound(name.to_owned())) })
}

impl ClusterAdmin for Nobody {
    fn nodes(&self) -> Vec<NodeStatus> {
        Vec::new()
    }
}
