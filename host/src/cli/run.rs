//! `hearken run`, and the node that `hearken dev` runs.

use std::io::Write;

use clap::Args;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::error::CliError;
use super::signals::Signals;
use crate::admin::{PluginAdmin, PluginState, PluginStatus};
use crate::config::{NodeConfig, NodeFlags};
use crate::logging;
use crate::node::Node;

/// Run a node
#[derive(Args, Debug)]
pub(super) struct Run {
    #[command(flatten)]
    node: NodeFlags,
}

impl Run {
    pub(super) fn run(self) -> Result<(), CliError> {
        let config = NodeConfig::load(&self.node)?;
        let log = logging::init(&config.log)?;
        let ran = runtime()?.block_on(async {
            let (reporting, ending) = (log.clone(), log.clone());
            let signals = Signals::listen(move || ending.finish()).map_err(CliError::Runtime)?;
            let reports = async move { reporting.report_dropped().await };
            let _reports = AbortOnDropHandle::new(tokio::spawn(reports));
            let listener = bind(&config).await?;
            let node = tokio::select! {
                node = Node::start(config, listener) => node?,
                // Nothing is in hand yet.
                () = signals.drain().cancelled() => return Ok(()),
            };
            greet(&node);
            Ok(node.run(signals.drain().clone()).await?)
        });
        log.finish();
        ran
    }
}

/// A runtime for a node: network, timers and supervision. Plugins run on
/// threads of their own.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("io")
        .build()
        .map_err(CliError::Runtime)
}

/// Takes the address that the node serves on.
pub(super) async fn bind(config: &NodeConfig) -> Result<TcpListener, CliError> {
    let address = config.listen;
    TcpListener::bind(address)
        .await
        .map_err(|source| CliError::Listen { address, source })
}

/// Says what runs and how to send the first event.
pub(super) fn greet(node: &Node) {
    let mut text = String::new();
    let plugins = node.plugins().list();
    if plugins.is_empty() {
        text.push_str("No plugins yet: drop a .wasm file into the plugins folder.\n");
    } else {
        text.push_str("Plugins:\n");
        for plugin in &plugins {
            text.push_str(&format!("  {}\n", line(plugin)));
        }
    }
    let address = node.address();
    let hearken = program();
    let host = if address == NodeConfig::default().listen {
        String::new()
    } else {
        format!(" --host http://{address}")
    };
    text.push_str(&format!(
        "\nListening on http://{address}. In another terminal:\n\
         \x20 {hearken}{host} listen '*'\n\
         \x20 {hearken}{host} send hello.world --subject you --data '{{\"greeting\":\"hi\"}}'\n\
         or\n\
         \x20 curl {}http://{address}/v1/events -d '{{\"type\":\"hello.world\",\"subject\":\"you\"}}'\n",
        "-H 'content-type: application/json' "
    ));
    // The node runs all the same when nobody reads its stdout.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// This program as it was called, which is how it can be called again: one that
/// was just built is not on the `PATH`.
fn program() -> String {
    let called = std::env::args_os().next();
    called.map_or_else(
        || "hearken".to_owned(),
        |called| called.to_string_lossy().into_owned(),
    )
}

fn line(plugin: &PluginStatus) -> String {
    let version = plugin.version.as_deref().unwrap_or("-");
    let name = &plugin.name;
    if plugin.state == PluginState::Failed {
        let error = plugin.last_error.as_deref().unwrap_or("unknown reason");
        return format!("{name:<16} failed: {error}");
    }
    let patterns: Vec<&str> = plugin
        .listeners
        .iter()
        .map(|listener| listener.pattern.as_str())
        .collect();
    format!("{name:<16} {version:<8} listens to {}", patterns.join(", "))
}
