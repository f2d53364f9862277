//! What the gateway's tests share: a gateway on a bus of its own, and plugins
//! and nodes that exist only as their status.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tower::ServiceExt;

use super::{AllowedHosts, GanomedeConfig, Gateway, GatewayConfig, GatewayLimits, Readiness};
use crate::access::{Access, AccessSettings};
use crate::admin::{
    ClusterAdmin, CommandFuture, ConsumedStatus, Counters, HostRequests, LimitsStatus, LinkStatus,
    NodeState, NodeStatus, PluginAdmin, PluginCommandError, PluginState, PluginStatus,
    ReplayRequest, ReplayState, ReplayStatus, RightsStatus, StalledStatus,
};
use crate::bus::{Bus, BusConfig, Overflow};
use crate::channel::test_support::channels_of;
use crate::channel::{Channels, NodeEnvironment};
use crate::clock::SystemClock;
use crate::consumer::Consumers;
use crate::passing::{Alone, Elsewhere};

/// Largest event of the bus under test.
pub(super) const MAX_EVENT_BYTES: usize = 4096;

/// The other origin whose pages may use a gateway under test.
pub(super) const FRIEND: &str = "https://app.example.com";

pub(super) fn bus() -> Bus {
    bus_taking(MAX_EVENT_BYTES)
}

/// A bus that takes events of that size.
pub(super) fn bus_taking(max_event_bytes: usize) -> Bus {
    Bus::new(BusConfig {
        node: "a".into(),
        incarnation: "i".into(),
        max_event_bytes,
        clock: Arc::new(SystemClock),
    })
}

pub(super) fn gateway(bus: &Bus, limits: GatewayLimits) -> Gateway {
    let readiness = Readiness::default();
    readiness.plugins_loaded();
    gateway_with(bus, limits, readiness)
}

pub(super) fn gateway_with(bus: &Bus, limits: GatewayLimits, readiness: Readiness) -> Gateway {
    let settings = AccessSettings {
        allowed_origins: vec![FRIEND.to_owned()],
        ..AccessSettings::default()
    };
    gateway_for(bus, limits, readiness, access(settings))
}

/// A gateway that is ready, and who may do what there.
pub(super) fn guarded(bus: &Bus, access: Access) -> Gateway {
    let readiness = Readiness::default();
    readiness.plugins_loaded();
    gateway_for(bus, GatewayLimits::default(), readiness, access)
}

/// A gateway that is ready, who may do what there, and the channels of other nodes.
pub(super) fn beside(bus: &Bus, access: Access, elsewhere: Arc<dyn Elsewhere>) -> Gateway {
    let readiness = Readiness::default();
    readiness.plugins_loaded();
    let channels = channels_of(bus, BTreeMap::new());
    let limits = GatewayLimits::default();
    gateway_beside(bus, limits, readiness, access, channels, elsewhere)
}

/// Who may do what, by these settings.
pub(super) fn access(settings: AccessSettings) -> Access {
    let access = Access::open(Arc::new(SystemClock));
    access.replace(settings).expect("settings that hold");
    access
}

/// A gateway of a node that has not opened its channels yet.
pub(super) fn gateway_before_channels(bus: &Bus) -> Gateway {
    let access = access(AccessSettings::default());
    let limits = GatewayLimits::default();
    gateway_of(
        bus,
        limits,
        Readiness::default(),
        access,
        Channels::new(bus),
    )
}

/// A gateway that is ready, on these channels.
pub(super) fn gateway_on(bus: &Bus, limits: GatewayLimits, channels: Channels) -> Gateway {
    let readiness = Readiness::default();
    readiness.plugins_loaded();
    let access = access(AccessSettings::default());
    gateway_of(bus, limits, readiness, access, channels)
}

fn gateway_for(bus: &Bus, limits: GatewayLimits, readiness: Readiness, access: Access) -> Gateway {
    let channels = channels_of(bus, BTreeMap::new());
    gateway_of(bus, limits, readiness, access, channels)
}

/// A gateway that is ready, with the API of ganomede-events.
pub(super) fn gateway_with_ganomede(
    bus: &Bus,
    access: Access,
    ganomede: GanomedeConfig,
) -> Gateway {
    let readiness = Readiness::default();
    readiness.plugins_loaded();
    let channels = channels_of(bus, BTreeMap::new());
    let config = config_of(bus, GatewayLimits::default(), readiness, access, channels);
    Gateway::new(GatewayConfig {
        ganomede: Some(ganomede),
        ..config
    })
}

fn gateway_of(
    bus: &Bus,
    limits: GatewayLimits,
    readiness: Readiness,
    access: Access,
    channels: Channels,
) -> Gateway {
    gateway_beside(bus, limits, readiness, access, channels, Arc::new(Alone))
}

/// A gateway of a node whose channels are consumed.
pub(super) fn gateway_consuming(
    bus: &Bus,
    limits: GatewayLimits,
    readiness: Readiness,
    access: Access,
    channels: Channels,
    consumers: Consumers,
) -> Gateway {
    let config = config_of(bus, limits, readiness, access, channels);
    Gateway::new(GatewayConfig {
        consumers,
        ..config
    })
}

fn gateway_beside(
    bus: &Bus,
    limits: GatewayLimits,
    readiness: Readiness,
    access: Access,
    channels: Channels,
    elsewhere: Arc<dyn Elsewhere>,
) -> Gateway {
    let config = config_of(bus, limits, readiness, access, channels);
    Gateway::new(GatewayConfig {
        elsewhere,
        ..config
    })
}

fn config_of(
    bus: &Bus,
    limits: GatewayLimits,
    readiness: Readiness,
    access: Access,
    channels: Channels,
) -> GatewayConfig {
    let environment = Arc::new(NodeEnvironment::new(Arc::new(SystemClock)));
    let consumers = Consumers::new(&channels, bus, environment);
    GatewayConfig {
        bus: bus.clone(),
        plugins: Arc::new(FakePlugins::default()),
        channels,
        consumers,
        elsewhere: Arc::new(Alone),
        cluster: Arc::new(FakeCluster),
        readiness,
        access,
        hosts: AllowedHosts::any(),
        tls: None,
        ganomede: None,
        limits,
        registry: Registry::default(),
    }
}

/// A gateway's routes on a bus of their own.
pub(super) fn router() -> Router {
    gateway(&bus(), GatewayLimits::default()).router()
}

/// The status, one header and the whole body of an answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: axum::http::HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The problem, after checking what every problem has to have.
    pub(super) fn problem(&self) -> Value {
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/problem+json",
            "{}",
            self.body
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        for member in ["type", "title", "detail"] {
            assert!(problem[member].is_string(), "{member} in {problem}");
        }
        problem
    }
}

pub(super) async fn send(router: &Router, mut request: Request<Body>) -> Answer {
    let host = header::HeaderValue::from_static("localhost");
    request.headers_mut().entry(header::HOST).or_insert(host);
    let response = router.clone().oneshot(request).await.expect("infallible");
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    Answer {
        status: head.status,
        headers: head.headers,
        // Packed events are no text.
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

pub(super) async fn get(router: &Router, uri: &str) -> Answer {
    let request = Request::get(uri).body(Body::empty()).expect("a request");
    send(router, request).await
}

pub(super) async fn post(router: &Router, uri: &str) -> Answer {
    let request = Request::post(uri).body(Body::empty()).expect("a request");
    send(router, request).await
}

/// Publishes a body of the given media type.
pub(super) async fn publish(router: &Router, content_type: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post("/v1/events")
        .header(header::CONTENT_TYPE, content_type)
        .body(body.into())
        .expect("a request");
    send(router, request).await
}

/// Two plugins, `good` and `broken`; whatever is done to `broken` fails, and to
/// `stuck` never ends.
#[derive(Default)]
pub(super) struct FakePlugins {
    paused: Mutex<bool>,
}

impl FakePlugins {
    fn status(&self, name: &str) -> PluginStatus {
        let paused = *self.paused.lock().expect("no test panics in here");
        PluginStatus {
            name: name.to_owned(),
            version: Some("1.2.3".to_owned()),
            state: match name {
                "good" if paused => PluginState::Paused,
                "good" => PluginState::Running,
                _ => PluginState::BackingOff,
            },
            interface: None,
            listeners: Vec::new(),
            consumers: vec![ConsumedStatus {
                channel: "orders".to_owned(),
                epoch: None,
                after: 7,
                lag: 5,
                in_flight: 1,
                waiting: None,
                stalled: Some(StalledStatus {
                    sequence: 8,
                    attempts: 3,
                    reason: "it fails".to_owned(),
                    next_attempt: None,
                }),
                dead: 2,
                retried: 0,
                missed: 0,
            }],
            replay: None,
            rights: RightsStatus::default(),
            limits: LimitsStatus {
                memory_bytes: 1,
                deadline_ms: 1,
                time_slice_us: 1,
                mailbox: 1,
                overflow: Overflow::DropOldest,
                concurrency: 1,
            },
            counters: Counters {
                delivered: 42,
                ..Counters::default()
            },
            http: vec![HostRequests {
                host: "a.example".to_owned(),
                requests: [("200".to_owned(), 3)].into(),
            }],
            content_hash: None,
            memory_bytes: 65536,
            last_error: None,
            last_error_time: None,
            quarantined_until: None,
        }
    }

    fn command<'a>(&'a self, name: &'a str, pause: Option<bool>) -> CommandFuture<'a> {
        Box::pin(async move {
            match name {
                "good" => {
                    if let Some(pause) = pause {
                        *self.paused.lock().expect("no test panics in here") = pause;
                    }
                    Ok(self.status(name))
                }
                "broken" => Err(PluginCommandError::Failed("it is broken".to_owned())),
                "stuck" => std::future::pending().await,
                _ => Err(PluginCommandError::NotFound(name.to_owned())),
            }
        })
    }
}

impl PluginAdmin for FakePlugins {
    fn list(&self) -> Vec<PluginStatus> {
        vec![self.status("broken"), self.status("good")]
    }

    fn get(&self, name: &str) -> Option<PluginStatus> {
        assert_ne!(name, "panic", "something confidential");
        matches!(name, "good" | "broken").then(|| self.status(name))
    }

    fn reload<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        self.command(name, None)
    }

    fn pause<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        self.command(name, Some(true))
    }

    fn resume<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        self.command(name, Some(false))
    }

    fn replay<'a>(&'a self, name: &'a str, request: ReplayRequest) -> CommandFuture<'a> {
        Box::pin(async move {
            let mut status = self.command(name, None).await?;
            status.replay = Some(ReplayStatus {
                channel: request.channel,
                after: request.after,
                until: request.until.unwrap_or(42),
                copy: request.copy,
                at: request.after,
                state: ReplayState::Running,
                handled: 0,
                failed: 0,
                missing: 0,
                last_error: None,
            });
            Ok(status)
        })
    }
}

/// This node, `a`, with a link to `b` and one to `c` that is down.
struct FakeCluster;

impl ClusterAdmin for FakeCluster {
    fn nodes(&self) -> Vec<NodeStatus> {
        let node = |name: &str, state, link| NodeStatus {
            name: name.to_owned(),
            address: format!("{name}.example:7071"),
            version: "1.2.3".to_owned(),
            incarnation: "0123456789abcdef".to_owned(),
            state,
            troubles: Vec::new(),
            link,
        };
        let busy = LinkStatus {
            round_trip_ms: Some(0.25),
            queued: 4,
            sent: 5,
            received: 6,
            dropped: 7,
            gaps: 8,
        };
        vec![
            node("a", NodeState::This, None),
            node("b", NodeState::Connected, Some(busy)),
            node("c", NodeState::Unreachable, Some(LinkStatus::default())),
        ]
    }
}
