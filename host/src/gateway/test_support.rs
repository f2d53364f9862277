//! What the gateway's tests share: a gateway on a bus of its own, and plugins
//! and nodes that exist only as their status.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tower::ServiceExt;

mod fakes;
pub(super) mod others;

use super::{
    AllowedHosts, GanomedeConfig, Gateway, GatewayConfig, GatewayLimits, Readiness, SharedSecret,
};
use crate::access::{Access, AccessSettings};
use crate::bus::{Bus, BusConfig};
use crate::channel::test_support::channels_of;
use crate::channel::{Channels, NodeEnvironment};
use crate::clock::SystemClock;
use crate::consumer::Consumers;
use crate::mesh::{self, Mesh};
use crate::passing::{Alone, Elsewhere};
use crate::session::{Namespaces, NoHooks, Sessions, SessionsSettings, Surroundings};
use fakes::{FakeCluster, FakePlugins, Missing};

/// Largest event of the bus under test.
pub(super) const MAX_EVENT_BYTES: usize = 4096;

/// The key of servers where there are sessions.
pub(super) const SERVER_KEY: &str = "server-key-of-16-bytes";

/// The other origin whose pages may use a gateway under test.
pub(super) const FRIEND: &str = "https://app.example.com";

pub(super) fn bus() -> Bus {
    bus_taking(MAX_EVENT_BYTES)
}

/// A bus that takes events of that size.
pub(super) fn bus_taking(max_event_bytes: usize) -> Bus {
    bus_of("a", max_event_bytes)
}

/// The same of a node of this name.
pub(super) fn bus_of(node: &str, max_event_bytes: usize) -> Bus {
    Bus::new(BusConfig {
        node: node.into(),
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
    ganomede_beside(bus, access, ganomede, Arc::new(Alone))
}

/// The same, on these channels.
pub(super) fn ganomede_on(
    bus: &Bus,
    access: Access,
    ganomede: GanomedeConfig,
    channels: Channels,
) -> Gateway {
    let readiness = Readiness::default();
    readiness.plugins_loaded();
    let config = config_of(bus, GatewayLimits::default(), readiness, access, channels);
    Gateway::new(GatewayConfig {
        ganomede: Some(ganomede),
        ..config
    })
}

/// The same, and the channels of other nodes.
pub(super) fn ganomede_beside(
    bus: &Bus,
    access: Access,
    ganomede: GanomedeConfig,
    elsewhere: Arc<dyn Elsewhere>,
) -> Gateway {
    let readiness = Readiness::default();
    readiness.plugins_loaded();
    let channels = channels_of(bus, BTreeMap::new());
    let config = config_of(bus, GatewayLimits::default(), readiness, access, channels);
    Gateway::new(GatewayConfig {
        ganomede: Some(ganomede),
        elsewhere,
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
    let alone = Arc::new(mesh::Alone(Arc::clone(bus.node())));
    config_beside(bus, limits, readiness, access, channels, alone)
}

/// The same, with a way to the sessions of other nodes.
fn config_beside(
    bus: &Bus,
    limits: GatewayLimits,
    readiness: Readiness,
    access: Access,
    channels: Channels,
    mesh: Arc<dyn Mesh>,
) -> GatewayConfig {
    let environment = Arc::new(NodeEnvironment::new(Arc::new(SystemClock)));
    let consumers = Consumers::new(&channels, bus, Arc::clone(&environment) as _);
    let sessions = no_sessions(bus, &channels, &access, environment, mesh);
    GatewayConfig {
        bus: bus.clone(),
        plugins: Arc::new(FakePlugins::default()),
        channels,
        consumers,
        sessions,
        server_key: None,
        elsewhere: Arc::new(Alone),
        cluster: Arc::new(FakeCluster),
        readiness,
        access,
        hosts: AllowedHosts::any(),
        tls: None,
        ganomede: None,
        dev: false,
        limits,
        registry: Registry::default(),
    }
}

/// A gateway that is ready and where clients can have sessions by these settings, with those.
pub(super) fn gateway_with_sessions(
    bus: &Bus,
    access: Access,
    elsewhere: Arc<dyn Elsewhere>,
    settings: SessionsSettings,
) -> (Gateway, Sessions) {
    let mesh = Arc::new(mesh::Alone(Arc::clone(bus.node())));
    let channels = channels_of(bus, BTreeMap::new());
    sessions_beside(bus, access, elsewhere, settings, channels, mesh)
}

/// The same, on these channels.
pub(super) fn gateway_with_sessions_on(
    bus: &Bus,
    access: Access,
    elsewhere: Arc<dyn Elsewhere>,
    settings: SessionsSettings,
    channels: Channels,
) -> (Gateway, Sessions) {
    let mesh = Arc::new(mesh::Alone(Arc::clone(bus.node())));
    sessions_beside(bus, access, elsewhere, settings, channels, mesh)
}

/// The same, of a node that knows of another with sessions, which cannot be reached.
pub(super) fn gateway_missing(
    bus: &Bus,
    access: Access,
    settings: SessionsSettings,
    other: &str,
) -> (Gateway, Sessions) {
    let mesh = Arc::new(Missing {
        this: Arc::clone(bus.node()),
        other: other.into(),
    });
    let channels = channels_of(bus, BTreeMap::new());
    sessions_beside(bus, access, Arc::new(Alone), settings, channels, mesh)
}

fn sessions_beside(
    bus: &Bus,
    access: Access,
    elsewhere: Arc<dyn Elsewhere>,
    settings: SessionsSettings,
    channels: Channels,
    mesh: Arc<dyn Mesh>,
) -> (Gateway, Sessions) {
    let readiness = Readiness::default();
    readiness.plugins_loaded();
    let limits = GatewayLimits::default();
    let config = config_beside(bus, limits, readiness, access, channels, mesh);
    let (namespaces, _) = Namespaces::of(&settings.namespaces, []);
    let sessions = config.sessions.clone();
    sessions.replace_settings(settings, namespaces);
    let gateway = Gateway::new(GatewayConfig {
        elsewhere,
        server_key: Some(SharedSecret::new(SERVER_KEY)),
        ..config
    });
    (gateway, sessions)
}

/// The sessions of a node where nobody can have one.
fn no_sessions(
    bus: &Bus,
    channels: &Channels,
    access: &Access,
    environment: Arc<NodeEnvironment>,
    mesh: Arc<dyn Mesh>,
) -> Sessions {
    let surroundings = Surroundings {
        bus: bus.clone(),
        channels: channels.clone(),
        access: access.clone(),
        environment,
        hooks: Arc::new(NoHooks),
        mesh,
    };
    let settings = crate::config::NodeConfig::default().sessions;
    Sessions::new(surroundings, settings, Namespaces::default())
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
