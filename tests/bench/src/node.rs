//! A bus with plugins, in this process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hearken::admin::{PluginAdmin, PluginState, PluginStatus};
use hearken::bus::{
    Bus, BusConfig, Filter, MailboxLimits, Overflow, Publisher, Receiver, ReceiverKind,
    Subscription,
};
use hearken::clock::SystemClock;
use hearken::config::PluginLimits;
use hearken::event::{Event, Pattern};
use hearken::plugin::{PluginRunner, Plugins, PluginsConfig};
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Longest wait for something that is bound to happen.
const DEADLINE: Duration = Duration::from_secs(120);

/// A node without gateway; dropping it stops it.
pub(crate) struct Node {
    pub(crate) bus: Bus,
    pub(crate) plugins: Arc<Plugins>,
    folder: tempfile::TempDir,
    stop: CancellationToken,
    running: Option<tokio::task::JoinHandle<()>>,
    io: Runtime,
}

impl Node {
    /// A node whose folder has these plugins: name, component, manifest.
    pub(crate) fn start(plugins: &[(String, &Path, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, component, manifest) in plugins {
            let file = |extension| plugin_file(folder.path(), name, extension);
            std::fs::copy(component, file("wasm")).expect("the temporary folder is writable");
            std::fs::write(file("toml"), manifest).expect("the temporary folder is writable");
        }
        Self::open(folder)
    }

    /// A node on a folder that may have a cache of compiled code.
    fn open(folder: tempfile::TempDir) -> Self {
        let io = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .worker_threads(1)
            .build()
            .expect("a runtime");
        let bus = Bus::new(BusConfig {
            node: "bench".into(),
            incarnation: "bench".to_owned(),
            max_event_bytes: 1 << 20,
            clock: Arc::new(SystemClock),
        });
        let config = PluginsConfig {
            bus: bus.clone(),
            folder: folder.path().join("plugins"),
            data: folder.path().join("data"),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            limits: PluginLimits::default(),
            clock: Arc::new(SystemClock),
        };
        std::fs::create_dir_all(&config.folder).expect("the temporary folder is writable");
        let stop = CancellationToken::new();
        let (plugins, running) = io.block_on(async {
            let mut runner = PluginRunner::new(config).expect("plugins can run here");
            runner.load_all().await.expect("the folder is readable");
            let plugins = runner.plugins();
            let stop = stop.clone();
            let running = tokio::spawn(async move {
                runner.run(&stop).await;
                runner.drain(Instant::now() + DEADLINE).await;
            });
            (plugins, running)
        });
        for plugin in plugins.list() {
            let error = plugin.last_error;
            assert_eq!(
                plugin.state,
                PluginState::Running,
                "{}: {error:?}",
                plugin.name
            );
        }
        Self {
            bus,
            plugins,
            folder,
            stop,
            running: Some(running),
            io,
        }
    }

    pub(crate) fn publisher(&self) -> Publisher {
        self.bus.publisher("/bench", "bench")
    }

    /// A receiver of all that matches.
    pub(crate) fn receiver(&self, pattern: &str) -> Receiver {
        let pattern = Pattern::new(pattern).expect("a valid pattern");
        self.bus.subscribe(Subscription {
            name: "bench".into(),
            kind: ReceiverKind::Stream,
            filters: vec![Filter::new(pattern)],
            limits: MailboxLimits::default(),
            overflow: Overflow::DropOldest,
            lanes: 1,
        })
    }

    pub(crate) fn next(&self, receiver: &Receiver) -> Event {
        self.io
            .block_on(async { tokio::time::timeout(DEADLINE, receiver.recv()).await })
            .expect("the event comes in time")
            .expect("the receiver is open")
    }

    pub(crate) fn status(&self, plugin: &str) -> PluginStatus {
        self.plugins.get(plugin).expect("the plugin is loaded")
    }

    pub(crate) fn file(&self, plugin: &str, extension: &str) -> PathBuf {
        plugin_file(self.folder.path(), plugin, extension)
    }

    /// Stops the node and starts it again on the same folder.
    pub(crate) fn restart(mut self) -> Self {
        self.end();
        let folder = std::mem::replace(
            &mut self.folder,
            tempfile::tempdir().expect("a temporary folder"),
        );
        drop(self);
        Self::open(folder)
    }

    fn end(&mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            self.io.block_on(running).expect("the plugins end in order");
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}

fn plugin_file(folder: &Path, plugin: &str, extension: &str) -> PathBuf {
    let folder = folder.join("plugins");
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    folder.join(format!("{plugin}.{extension}"))
}
