//! A node: puts bus, channels, plugins and gateway together, runs them, and drains them.
//! Several nodes can run in one process.

mod channels;
mod cluster;
mod draining;
mod error;
mod follow;
mod ganomede;
mod health;
mod hosting;
mod http;
mod key_sets;
mod known;
mod listeners;
mod namespaces;
mod parts;
mod secret_file;
mod sessions;
mod store;
#[cfg(test)]
mod test_support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::access::Access;
use crate::admin::ClusterAdmin;
use crate::bus::{Bus, BusConfig};
use crate::channel::{Channels, NodeEnvironment};
use crate::clock::{Clock, SystemClock};
use crate::cluster::{ClusterError, Identity, LinkThreads};
use crate::config::{ConfigSource, NodeConfig};
use crate::consumer::Consumers;
use crate::gateway::{AllowedHosts, Gateway, GatewayConfig, HttpTls, Readiness, Stages};
use crate::incarnation;
use crate::passing::Hosting;
use crate::plugin::{PluginHooks, PluginRunner, PluginsConfig};
use crate::session::Sessions;
use follow::{Follower, Parts};
use health::Health;
use key_sets::KeySetClient;
use namespaces::AllNamespaces;

pub use error::NodeError;
pub use listeners::{ListenError, Listeners};

/// A node that has loaded its plugins and serves.
pub struct Node {
    address: SocketAddr,
    access: Access,
    bus: Bus,
    channels: Channels,
    consumers: Consumers,
    sessions: Sessions,
    runner: PluginRunner,
    nodes: Arc<dyn ClusterAdmin>,
    cluster: AbortOnDropHandle<Result<(), ClusterError>>,
    leave_cluster: CancellationToken,
    _link_threads: LinkThreads,
    gateway: AbortOnDropHandle<()>,
    gateway_stages: Stages,
    http_tls: Option<HttpTls>,
    http_certificates: Option<AbortOnDropHandle<()>>,
    drop_reports: AbortOnDropHandle<()>,
    channel_reports: Option<AbortOnDropHandle<()>>,
    namespaces: Arc<AllNamespaces>,
    /// Looks after the namespaces that plugins bring.
    brought: AbortOnDropHandle<()>,
    hosting: Hosting,
    /// Tells the others which channels the node has.
    held: AbortOnDropHandle<()>,
    /// Keeps which channels the others have.
    known: AbortOnDropHandle<()>,
    shutdown_timeout: Duration,
    follower: Option<AbortOnDropHandle<()>>,
}

/// A node that serves, but has no plugins yet and takes no events, which they
/// would miss.
pub struct Starting {
    node: Node,
    channels: channels::Closed,
    readiness: Readiness,
    startup_timeout: Duration,
}

impl Node {
    /// [`serve`](Self::serve) and [`load`](Starting::load) in one.
    ///
    /// # Errors
    /// [`NodeError`] when a folder, a file or a thread cannot be had.
    pub async fn start(config: NodeConfig, listeners: Listeners) -> Result<Self, NodeError> {
        Self::serve(config, listeners)?.load().await
    }

    /// Begins to serve on `listeners` (the addresses in `config` are not looked at),
    /// without plugins: for who still has to make them.
    ///
    /// # Errors
    /// [`NodeError`] when a folder, a file or a thread cannot be had.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn serve(config: NodeConfig, listeners: Listeners) -> Result<Starting, NodeError> {
        Self::serve_as(config, listeners, false)
    }

    /// [`serve`](Self::serve) with the pages to try a node with, for `hearken dev`.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    pub fn serve_dev(config: NodeConfig, listeners: Listeners) -> Result<Starting, NodeError> {
        Self::serve_as(config, listeners, true)
    }

    fn serve_as(
        config: NodeConfig,
        listeners: Listeners,
        dev: bool,
    ) -> Result<Starting, NodeError> {
        let address = listeners.http.local_addr().map_err(NodeError::Listener)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let access = Access::new(
            config.access,
            Arc::clone(&clock),
            Arc::new(KeySetClient::new()),
        )?;
        let incarnation = incarnation::next(&config.data, &*clock);
        let bus = Bus::new(BusConfig {
            node: config.node.as_str().into(),
            incarnation: incarnation.simple().to_string(),
            max_event_bytes: config.max_event_size,
            clock: Arc::clone(&clock),
        });
        let http_tls = http::tls(config.http.tls.as_ref(), &clock)?;
        let ganomede = ganomede::config(&config.ganomede, &*clock)?;
        let identity = Identity {
            cluster: config.cluster.name.as_str().into(),
            node: Arc::clone(bus.node()),
            incarnation,
            version: env!("CARGO_PKG_VERSION").into(),
            max_event_bytes: config.max_event_size,
        };
        let foreknown = known::foreknown(&config.data, &config.channels, bus.node());
        let known = foreknown.known.clone();
        let hosting = Hosting::default();
        let offered = hosting.clone();
        let cluster = cluster::cluster(
            identity,
            &bus,
            config.cluster,
            listeners.cluster,
            &clock,
            offered,
            foreknown,
        )?;
        let nodes = cluster.admin();
        let elsewhere = cluster.elsewhere();
        // Before anything is said.
        let kept = known::keep(config.data.clone(), Arc::clone(&elsewhere), known);
        let leave_cluster = CancellationToken::new();
        let link_threads = LinkThreads::start().map_err(NodeError::LinkThreads)?;
        let store = store::open(&config.data, &bus, &clock)?;
        let channels = Channels::new(&bus);
        channels.beside(Arc::new(hosting::Others(Arc::clone(&elsewhere))));
        let environment = Arc::new(NodeEnvironment::new(Arc::clone(&clock)));
        let server_key = sessions::server_key(&config.sessions)?;
        let hooks = PluginHooks::new();
        let hears = sessions::hear_others(&config.sessions);
        let sessions = sessions::sessions(
            config.sessions,
            &bus,
            &channels,
            &access,
            &environment,
            &hooks,
            cluster.mesh(),
        );
        let cluster = match hears {
            true => cluster.heard_by(sessions.ears()),
            false => cluster,
        };
        // Now that all are there who hear of it.
        let cluster = link_threads.spawn(cluster, leave_cluster.clone());
        let consumers = Consumers::new(&channels, &bus, environment);
        let closed_channels = channels::Closed {
            channels: channels.clone(),
            settings: config.channels,
            data: config.data.clone(),
            clock: Arc::clone(&clock),
        };
        let runner = PluginRunner::new(PluginsConfig {
            bus: bus.clone(),
            store: Arc::clone(&store),
            channels: channels.clone(),
            consumers: consumers.clone(),
            hooks,
            addressed: Some(sessions.clone()),
            folder: config.plugins,
            data: config.data,
            threads: config.plugin_threads,
            limits: config.limits,
            policy: config.policy,
            compile: config.compile,
            quarantine: config.quarantine,
            clock,
        })?;
        let drop_reports = tokio::spawn({
            let bus = bus.clone();
            async move { bus.run_drop_reports().await }
        });
        let readiness = Readiness::of(Arc::new(Health {
            store,
            channels: channels.clone(),
        }));
        if !address.ip().is_loopback() && config.allowed_hosts.is_empty() {
            tracing::warn!(
                "HTTP is answered under the node's addresses and `localhost` only; other names \
                 by which clients reach it have to be allowed (`--allow-host`, `allowed_hosts`)"
            );
        }
        let namespaces = AllNamespaces::new(sessions.clone(), runner.plugins());
        let namespaces = Arc::new(namespaces);
        let gateway = Gateway::new(GatewayConfig {
            bus: bus.clone(),
            plugins: runner.plugins(),
            channels: channels.clone(),
            consumers: consumers.clone(),
            sessions: sessions.clone(),
            server_key,
            elsewhere: Arc::clone(&elsewhere),
            cluster: Arc::clone(&nodes),
            readiness: readiness.clone(),
            hosts: AllowedHosts::of(address.ip(), config.allowed_hosts),
            access: access.clone(),
            tls: http_tls.clone(),
            ganomede,
            dev,
            limits: http::limits(&config.http, config.max_event_size),
            registry: Registry::default(),
        });
        hosting.answer_by(gateway.answers());
        let held = hosting::host(channels.clone(), hosting.clone(), Arc::clone(&elsewhere));
        let held = AbortOnDropHandle::new(tokio::spawn(held));
        let known = AbortOnDropHandle::new(tokio::spawn(kept));
        let gateway_stages = Stages::default();
        // Half of the time, so that a client that holds on to its request leaves
        // the plugins the other half.
        let drain = config.shutdown_timeout / 2;
        let gateway = tokio::spawn(gateway.serve(listeners.http, gateway_stages.clone(), drain));
        let node = Self {
            address,
            access,
            bus,
            channels,
            consumers,
            sessions,
            runner,
            nodes,
            cluster: AbortOnDropHandle::new(cluster),
            leave_cluster,
            _link_threads: link_threads,
            gateway: AbortOnDropHandle::new(gateway),
            gateway_stages,
            http_certificates: http_tls
                .clone()
                .map(|tls| AbortOnDropHandle::new(tokio::spawn(tls.run()))),
            http_tls,
            drop_reports: AbortOnDropHandle::new(drop_reports),
            channel_reports: None,
            brought: AbortOnDropHandle::new(tokio::spawn(Arc::clone(&namespaces).follow())),
            namespaces,
            hosting,
            held,
            known,
            shutdown_timeout: config.shutdown_timeout,
            follower: None,
        };
        Ok(Starting {
            node,
            channels: closed_channels,
            readiness,
            startup_timeout: config.startup_timeout,
        })
    }

    /// From now on reads the configuration again from `source` whenever it changes. The node
    /// has `config` from there.
    pub fn follow(&mut self, source: ConfigSource, config: NodeConfig) {
        let plugins = self.runner.plugins();
        let namespaces = Arc::clone(&self.namespaces);
        let parts = Parts {
            access: self.access.clone(),
            http_tls: self.http_tls.clone(),
            set_policy: Box::new(move |policy| plugins.set_policy(policy)),
            set_namespaces: Box::new(move |own| namespaces.set_own(own)),
        };
        let follower = Follower::new(source, config, parts);
        self.follower = Some(AbortOnDropHandle::new(tokio::spawn(follower.run())));
    }
}

impl Starting {
    /// Where HTTP is served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.node.address
    }

    /// Opens the channels and loads every plugin in the folder; from then on the node takes
    /// events. A plugin that fails to load is reported and keeps no node from starting, nor
    /// does one that takes longer than the configuration's `startup_timeout`.
    ///
    /// # Errors
    /// [`NodeError`] when the folder cannot be read, or the channels cannot be opened.
    pub async fn load(self) -> Result<Node, NodeError> {
        let Self {
            mut node,
            channels,
            readiness,
            startup_timeout,
        } = self;
        channels.open().await?;
        let reports = tokio::spawn(node.channels.clone().observe());
        node.channel_reports = Some(AbortOnDropHandle::new(reports));
        node.runner.load_all(startup_timeout).await?;
        node.namespaces.look_at_plugins();
        // So that from then on no event is missed, of whatever node.
        node.bus.interest().known().await;
        readiness.plugins_loaded();
        tracing::info!(node = %node.bus.node(), address = %node.address, "listening");
        Ok(node)
    }
}
