//! A node in the test's own process.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hearken::admin::PluginState;
use hearken::config::{CompileSettings, NodeConfig, NodeFlags, Policy, QuarantinePauses};
use hearken::node::{Listeners, Node, NodeError};
use hearken::plugin::Plugins;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::DEADLINE;
use super::api::Api;
use super::engines;
use super::plugin::{self, Plugin};

/// Time that a node of these tests has to drain: some of the plugins never end by
/// themselves.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// A running node with folders of its own; dropping it drains it.
pub struct TestNode {
    api: Api,
    plugins: Arc<Plugins>,
    folders: Option<TempDir>,
    stop: CancellationToken,
    running: Option<JoinHandle<Result<(), NodeError>>>,
}

/// Sockets on ports that nobody else has.
pub async fn free_ports() -> Listeners {
    let bind = async || TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    Listeners {
        http: bind().await,
        cluster: bind().await,
    }
}

/// How plugins are compiled: by the program, as the process that tests cannot do that.
pub fn compile_settings() -> CompileSettings {
    CompileSettings {
        program: env!("CARGO_BIN_EXE_hearken").into(),
        ..CompileSettings::default()
    }
}

/// The configuration of a node with its folders in `folder`.
pub fn config(folder: &Path) -> NodeConfig {
    NodeConfig {
        node: "test".to_owned(),
        plugins: folder.join("plugins"),
        data: folder.join("data"),
        shutdown_timeout: SHUTDOWN,
        compile: compile_settings(),
        ..NodeConfig::default()
    }
}

/// The policy that a configuration file says.
pub fn policy(text: &str) -> Policy {
    let folder = TempDir::new().expect("a temporary folder");
    std::fs::write(folder.path().join("hearken.toml"), text).expect("a new file");
    let config = NodeConfig::from_sources(&NodeFlags::default(), [], folder.path());
    config.unwrap_or_else(|error| panic!("{error}")).policy
}

impl TestNode {
    /// A node that has these plugins from the start, and this policy.
    pub async fn start_under(policy_text: &str, plugins: impl IntoIterator<Item = Plugin>) -> Self {
        let folders = Self::folders(plugins).await;
        let mut config = config(folders.path());
        config.policy = policy(policy_text);
        Self::start_with(config, folders).await
    }

    /// A node that has these plugins from the start.
    pub async fn start(plugins: impl IntoIterator<Item = Plugin>) -> Self {
        let plugins: Vec<Plugin> = plugins.into_iter().collect();
        let texts = plugins.iter().filter(|plugin| plugin.is_text());
        let texts: Vec<String> = texts.map(|plugin| plugin.name.clone()).collect();
        let node = Self::start_in(Self::folders(plugins).await).await;
        for text in texts {
            // A node serves before the engine of a text is ready.
            node.until(&text, |status| status.state == PluginState::Running)
                .await;
        }
        node
    }

    /// The same, where a quarantine begins with this pause.
    pub async fn start_with_pause(
        plugins: impl IntoIterator<Item = Plugin>,
        first: Duration,
    ) -> Self {
        let folders = Self::folders(plugins).await;
        let mut config = config(folders.path());
        config.quarantine = QuarantinePauses {
            first,
            ..QuarantinePauses::default()
        };
        Self::start_with(config, folders).await
    }

    async fn folders(plugins: impl IntoIterator<Item = Plugin>) -> TempDir {
        let folders = TempDir::new().expect("a temporary folder");
        engines::place(plugins, &folders.path().join("plugins"), folders.path()).await;
        folders
    }

    /// A node on folders that an earlier one has left.
    pub async fn start_in(folders: TempDir) -> Self {
        Self::start_with(config(folders.path()), folders).await
    }

    /// A node of this configuration, whose folders are in `folders`.
    pub async fn start_with(config: NodeConfig, folders: TempDir) -> Self {
        let listeners = free_ports().await;
        let node = Node::start(config, listeners)
            .await
            .expect("the node starts");
        let api = Api::new(format!("http://{}", node.address()));
        let stop = CancellationToken::new();
        Self {
            api,
            plugins: node.plugins(),
            folders: Some(folders),
            running: Some(tokio::spawn(node.run(stop.clone()))),
            stop,
        }
    }

    /// Puts another policy in force.
    pub fn set_policy(&self, text: &str) {
        self.plugins.set_policy(policy(text));
    }

    /// Drains the node; returns how it ended, and its folders.
    pub async fn stop(mut self) -> (Result<(), NodeError>, TempDir) {
        self.stop.cancel();
        let running = self.running.take().expect("stopped once");
        let ended = tokio::time::timeout(DEADLINE, running)
            .await
            .expect("the node drains in time")
            .expect("the node does not panic");
        (ended, self.folders.take().expect("stopped once"))
    }

    /// The plugins folder.
    pub fn plugins(&self) -> PathBuf {
        let folders = self.folders.as_ref().expect("there until it is stopped");
        folders.path().join("plugins")
    }

    /// Puts a plugin into the folder, over one of the same name.
    pub fn place(&self, plugin: &Plugin) {
        plugin.place(&self.plugins());
    }

    /// Puts a manifest into the folder.
    pub fn place_manifest(&self, plugin: &str, text: &str) {
        plugin::place(&self.plugins(), &format!("{plugin}.toml"), text.as_bytes());
    }

    /// Removes a component from the folder.
    pub fn remove(&self, plugin: &str) {
        std::fs::remove_file(self.plugins().join(format!("{plugin}.wasm"))).expect("it was there");
    }

    /// Removes a plugin's file from the folder.
    pub fn remove_file(&self, plugin: &Plugin) {
        std::fs::remove_file(self.plugins().join(plugin.file_name())).expect("it was there");
    }
}

impl Deref for TestNode {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Drop for TestNode {
    fn drop(&mut self) {
        self.stop.cancel();
        let Some(running) = self.running.take() else {
            return;
        };
        // The folders must outlive the node. How it ended is for those tests to
        // judge that stop it themselves.
        let runtime = tokio::runtime::Handle::current();
        let ended = || {
            let _ = runtime.block_on(async { tokio::time::timeout(DEADLINE, running).await });
        };
        // On a thread of its own: what waits on this one is woken by the same token as the test
        // around it, and would take what wakes other nodes of that test.
        tokio::task::block_in_place(|| {
            std::thread::scope(|scope| {
                scope.spawn(ended);
            });
        });
    }
}
