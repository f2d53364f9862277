//! A node: puts bus, plugins and gateway together, runs them, and drains them.
//! Several nodes can run in one process.

use std::net::SocketAddr;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::admin::{ClusterAdmin, NodeState, NodeStatus, PluginAdmin};
use crate::bus::{Bus, BusConfig};
use crate::clock::{Clock, SystemClock};
use crate::config::NodeConfig;
use crate::gateway::{
    AllowedHosts, Gateway, GatewayConfig, GatewayError, GatewayLimits, Readiness,
};
use crate::plugin::{PluginRunner, Plugins, PluginsConfig, PluginsError};

/// A node that has loaded its plugins and serves.
pub struct Node {
    address: SocketAddr,
    bus: Bus,
    runner: PluginRunner,
    cluster: Arc<dyn ClusterAdmin>,
    gateway: AbortOnDropHandle<Result<(), GatewayError>>,
    stop_gateway: CancellationToken,
    drop_reports: AbortOnDropHandle<()>,
    shutdown_timeout: std::time::Duration,
}

/// A node that serves, but has no plugins yet and takes no events, which they
/// would miss.
pub struct Starting {
    node: Node,
    readiness: Readiness,
}

/// A cluster of one.
struct Alone(NodeStatus);

impl ClusterAdmin for Alone {
    fn nodes(&self) -> Vec<NodeStatus> {
        vec![self.0.clone()]
    }
}

/// Why a node does not run.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The listener has no address.
    #[error("the listener is unusable: {0}")]
    Listener(std::io::Error),
    /// The plugins cannot be started.
    #[error(transparent)]
    Plugins(#[from] PluginsError),
    /// The gateway stopped serving.
    #[error("the HTTP server failed: {0}")]
    Gateway(#[from] GatewayError),
    /// The gateway panicked, which is a mistake in this program.
    #[error("the HTTP server ended unexpectedly: {0}")]
    GatewayEnded(String),
}

impl Node {
    /// [`serve`](Self::serve) and [`load`](Starting::load) in one.
    ///
    /// # Errors
    /// [`NodeError`] when a folder, a file or a thread cannot be had.
    pub async fn start(config: NodeConfig, listener: TcpListener) -> Result<Self, NodeError> {
        Self::serve(config, listener)?.load().await
    }

    /// Begins to serve on `listener` (the address in `config` is not looked at),
    /// without plugins: for who still has to make them.
    ///
    /// # Errors
    /// [`NodeError`] when a folder, a file or a thread cannot be had.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn serve(config: NodeConfig, listener: TcpListener) -> Result<Starting, NodeError> {
        let address = listener.local_addr().map_err(NodeError::Listener)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let incarnation = uuid::Uuid::new_v4().simple().to_string();
        let cluster: Arc<dyn ClusterAdmin> = Arc::new(Alone(NodeStatus {
            name: config.node.clone(),
            address: config
                .cluster
                .advertise
                .unwrap_or_else(|| config.cluster.listen.to_string()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            incarnation: incarnation.clone(),
            state: NodeState::This,
            link: None,
        }));
        let bus = Bus::new(BusConfig {
            node: config.node.as_str().into(),
            incarnation,
            max_event_bytes: config.max_event_size,
            clock: Arc::clone(&clock),
        });
        let runner = PluginRunner::new(PluginsConfig {
            bus: bus.clone(),
            folder: config.plugins,
            data: config.data,
            threads: config.plugin_threads,
            limits: config.limits,
            clock,
        })?;
        let drop_reports = tokio::spawn({
            let bus = bus.clone();
            async move { bus.run_drop_reports().await }
        });
        let readiness = Readiness::default();
        let gateway = Gateway::new(GatewayConfig {
            bus: bus.clone(),
            plugins: runner.plugins(),
            cluster: Arc::clone(&cluster),
            readiness: readiness.clone(),
            hosts: AllowedHosts::of(address.ip(), config.allowed_hosts),
            limits: GatewayLimits::default(),
            registry: Registry::default(),
        });
        let stop_gateway = CancellationToken::new();
        // Half of the time, so that a client that holds on to its request leaves
        // the plugins the other half.
        let drain = config.shutdown_timeout / 2;
        let gateway = tokio::spawn(gateway.serve(listener, stop_gateway.clone(), drain));
        let node = Self {
            address,
            bus,
            runner,
            cluster,
            gateway: AbortOnDropHandle::new(gateway),
            stop_gateway,
            drop_reports: AbortOnDropHandle::new(drop_reports),
            shutdown_timeout: config.shutdown_timeout,
        };
        Ok(Starting { node, readiness })
    }

    /// Where HTTP is served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The node's bus.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The cluster as the node sees it.
    #[must_use]
    pub fn cluster(&self) -> &Arc<dyn ClusterAdmin> {
        &self.cluster
    }

    /// The node's plugins.
    #[must_use]
    pub fn plugins(&self) -> Arc<impl PluginAdmin + use<>> {
        let plugins: Arc<Plugins> = self.runner.plugins();
        plugins
    }

    /// Follows the plugins folder until `stop`, then drains: takes no more
    /// requests, lets the plugins work off what they have, and ends them one
    /// after the other.
    ///
    /// # Errors
    /// [`NodeError`] when the gateway failed, or requests were cut off.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), NodeError> {
        let ended_early = tokio::select! {
            () = self.runner.run(&stop) => None,
            ended = &mut self.gateway => Some(ended),
        };
        let deadline = Instant::now() + self.shutdown_timeout;
        tracing::info!("draining");
        self.stop_gateway.cancel();
        let served = match ended_early {
            Some(ended) => ended,
            None => self.gateway.await,
        };
        self.runner.drain(deadline).await;
        drop(self.drop_reports);
        self.bus.report_last_drops();
        tracing::info!("stopped");
        match served {
            Ok(served) => Ok(served?),
            Err(error) => Err(NodeError::GatewayEnded(error.to_string())),
        }
    }
}

impl Starting {
    /// Loads every plugin in the folder; from then on the node takes events. A
    /// plugin that fails to load is reported and keeps no node from starting.
    ///
    /// # Errors
    /// [`NodeError`] when the folder cannot be read.
    pub async fn load(self) -> Result<Node, NodeError> {
        let Self {
            mut node,
            readiness,
        } = self;
        node.runner.load_all().await?;
        readiness.plugins_loaded();
        tracing::info!(node = %node.bus.node(), address = %node.address, "listening");
        Ok(node)
    }
}
