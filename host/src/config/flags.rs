//! The node's configuration from the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::cluster::ClusterFlags;
use super::error::Place;
use super::form::Form;
use super::layer::{self, Layer, Placed};
use super::name::NODE_NAME;
use super::node::LogFormat;

/// The flags of every command that runs a node. A flag wins over its
/// `HEARKEN_*` variable, which wins over `hearken.toml`.
#[derive(Args, Clone, Debug, Default)]
pub struct NodeFlags {
    /// Configuration file; it must exist [default: hearken.toml if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Folder of the plugins [default: plugins]
    #[arg(long, value_name = "DIR")]
    pub plugins: Option<PathBuf>,

    /// Folder for what the node keeps [default: data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Address to serve HTTP on [default: 127.0.0.1:7070]
    #[arg(long, value_name = "HOST:PORT", value_parser = |text: &str| layer::LISTEN.read(text))]
    pub listen: Option<SocketAddr>,

    /// Name of the node [default: the machine's]
    #[arg(long, value_name = "NAME", value_parser = |text: &str| NODE_NAME.read(text))]
    pub node: Option<String>,

    /// Serve other machines although nobody is asked for credentials
    #[arg(long)]
    pub allow_unauthenticated: bool,

    /// Answer to this name too, besides localhost and the node's addresses, `*` to every name; may be given again
    #[arg(long = "allow-host", value_name = "NAME", value_parser = |text: &str| layer::HOST_NAME.read(text))]
    pub allowed_hosts: Vec<String>,

    /// Largest event, attributes included [default: 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = |text: &str| layer::MAX_EVENT_SIZE.read(text))]
    pub max_event_size: Option<usize>,

    /// Threads that run plugins [default: one a core]
    #[arg(long, value_name = "N", value_parser = |text: &str| layer::PLUGIN_THREADS.read(text))]
    pub plugin_threads: Option<usize>,

    /// How long a node that starts waits for its plugins before it takes events [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = |text: &str| layer::STARTUP_TIMEOUT.read(text))]
    pub startup_timeout: Option<Duration>,

    /// How long a node that is told to stop waits for what is in hand [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = |text: &str| layer::SHUTDOWN_TIMEOUT.read(text))]
    pub shutdown_timeout: Option<Duration>,

    /// How log lines look: auto (text on a terminal, JSON otherwise), text or json [default: auto]
    #[arg(long, value_name = "FORMAT", value_parser = |text: &str| layer::LOG_FORMAT.read(text))]
    pub log_format: Option<LogFormat>,

    /// Which log lines are written, e.g. warn,hearken=debug [default: info,notify=error]
    #[arg(long, value_name = "FILTER", value_parser = |text: &str| layer::LOG_FILTER.read(text))]
    pub log_filter: Option<String>,

    /// The flags for a cluster.
    #[command(flatten, next_help_heading = "Cluster")]
    pub cluster: ClusterFlags,
}

impl NodeFlags {
    pub(super) fn layer(&self) -> Layer {
        Layer {
            node: self.node.clone(),
            plugins: self.plugins.clone(),
            data: self.data.clone(),
            listen: self.listen.map(|value| Placed {
                value,
                place: Place::Flag("--listen"),
            }),
            allow_unauthenticated: self.allow_unauthenticated.then_some(true),
            allowed_hosts: (!self.allowed_hosts.is_empty()).then(|| self.allowed_hosts.clone()),
            max_event_size: self.max_event_size,
            plugin_threads: self.plugin_threads,
            startup_timeout: self.startup_timeout,
            shutdown_timeout: self.shutdown_timeout,
            log_format: self.log_format,
            log_filter: self.log_filter.clone(),
            cluster: self.cluster.layer(),
            ..Layer::default()
        }
    }
}

impl<T> Form<T> {
    /// Reads a flag's value; clap puts the flag and the value before the error.
    pub(super) fn read(&self, text: &str) -> Result<T, String> {
        (self.parse)(text).map_err(|problem| format!("{problem}; expected {}", self.expected))
    }
}
