//! The program as the manifests use it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use clap::Parser;
use hearken::access::Access;
use hearken::admin::{
    ClusterAdmin, CommandFuture, NodeStatus, PluginAdmin, PluginCommandError, PluginStatus,
    ReplayRequest,
};
use hearken::bus::{Bus, BusConfig};
use hearken::channel::{Channels, NodeEnvironment};
use hearken::clock::SystemClock;
use hearken::config::{NodeConfig, NodeFlags};
use hearken::consumer::Consumers;
use hearken::gateway::{AllowedHosts, Gateway, GatewayConfig, GatewayLimits, Readiness};
use hearken::mesh;
use hearken::passing::Alone;
use hearken::session::{Namespaces, NoHooks, Sessions, Surroundings};
use prometheus_client::registry::Registry;
use tower::ServiceExt;

/// `hearken run` as a manifest calls it.
#[derive(Parser)]
#[command(name = "hearken")]
enum Command {
    Run(Box<Run>),
}

#[derive(clap::Args)]
struct Run {
    #[command(flatten)]
    flags: NodeFlags,
}

/// Where the files for deployment are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

pub fn read(file: &str) -> String {
    let path = folder().join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a node is configured to when it is started with these arguments and variables.
/// `locate` says where a configuration file that they name is in the repository.
pub fn config(
    arguments: &[String],
    variables: &[(String, String)],
    locate: impl FnOnce(&Path) -> PathBuf,
) -> NodeConfig {
    let arguments = ["hearken"]
        .into_iter()
        .chain(arguments.iter().map(String::as_str));
    let Command::Run(run) =
        Command::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}"));
    let mut flags = run.flags;
    flags.config = flags.config.map(|path| locate(&path));
    let variables = variables
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    // No `hearken.toml` of this folder is meant.
    NodeConfig::from_sources(&flags, variables, &folder()).unwrap_or_else(|error| panic!("{error}"))
}

/// How a node that is ready answers `GET path`.
pub async fn get(path: &str) -> StatusCode {
    let readiness = Readiness::default();
    readiness.plugins_loaded();
    let bus = Bus::new(BusConfig {
        node: "a".into(),
        incarnation: "i".into(),
        max_event_bytes: NodeConfig::default().max_event_size,
        clock: Arc::new(SystemClock),
    });
    let channels = Channels::new(&bus);
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
    let gateway = Gateway::new(GatewayConfig {
        consumers: Consumers::new(&channels, &bus, environment),
        sessions: Sessions::new(surroundings, settings, Namespaces::default()),
        server_key: None,
        channels,
        bus,
        plugins: Arc::new(Nothing),
        elsewhere: Arc::new(Alone),
        cluster: Arc::new(Nothing),
        readiness,
        access,
        hosts: AllowedHosts::any(),
        tls: None,
        ganomede: None,
        dev: false,
        limits: GatewayLimits::default(),
        registry: Registry::default(),
    });
    let request = Request::get(path)
        .header("host", "10.0.0.1:7070")
        .body(Body::empty())
        .expect("a path");
    let answer = gateway.router().oneshot(request).await;
    answer.expect("infallible").status()
}

/// No plugins and no nodes.
struct Nothing;

impl Nothing {
    fn refuse<'a>(name: &str) -> CommandFuture<'a> {
        let error = PluginCommandError::NotFound(name.to_owned());
        Box::pin(std::future::ready(Err(error)))
    }
}

impl PluginAdmin for Nothing {
    fn list(&self) -> Vec<PluginStatus> {
        Vec::new()
    }

    fn get(&self, _: &str) -> Option<PluginStatus> {
        None
    }

    fn reload<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        Self::refuse(name)
    }

    fn pause<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        Self::refuse(name)
    }

    fn resume<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        Self::refuse(name)
    }

    fn replay<'a>(&'a self, name: &'a str, _: ReplayRequest) -> CommandFuture<'a> {
        Self::refuse(name)
    }

    fn end_replay<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        Self::refuse(name)
    }
}

impl ClusterAdmin for Nothing {
    fn nodes(&self) -> Vec<NodeStatus> {
        Vec::new()
    }
}
