//! A bus with plugins, in this process: what a node has without its gateway.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hearken::admin::{PluginAdmin, PluginState, PluginStatus};
use hearken::bus::{
    Bus, BusConfig, Filter, MailboxLimits, Overflow, Publisher, Receiver, ReceiverKind,
    Subscription,
};
use hearken::channel::{Channels, NodeEnvironment};
use hearken::clock::SystemClock;
use hearken::config::{CompileSettings, PluginLimits, Policy, QuarantinePauses};
use hearken::consumer::Consumers;
use hearken::event::{Event, Pattern};
use hearken::plugin::{PluginHooks, PluginRunner, Plugins, PluginsConfig};
use hearken::store::Store;
use tokio::runtime::Runtime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::sleep;

/// Longest wait for something that is bound to happen.
const DEADLINE: Duration = Duration::from_secs(120);

/// The folders of a node: its plugins, and its data with the compiled code.
pub(crate) struct Folder(tempfile::TempDir);

/// A running node; dropping it stops it.
pub(crate) struct Node {
    pub(crate) plugins: Arc<Plugins>,
    /// Where sessions ask them.
    pub(crate) hooks: PluginHooks,
    bus: Bus,
    stop: CancellationToken,
    running: Option<tokio::task::JoinHandle<()>>,
    io: Runtime,
    folder: Option<Folder>,
}

impl Folder {
    /// Folders with these plugins: name, component or text, manifest.
    pub(crate) fn new(plugins: &[(String, &Path, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        std::fs::create_dir(folder.plugins()).expect("the temporary folder is writable");
        for (name, component, manifest) in plugins {
            let extension = component.extension().unwrap_or_default();
            std::fs::copy(component, folder.file(name, &extension.to_string_lossy()))
                .expect("the temporary folder is writable");
            std::fs::write(folder.file(name, "toml"), manifest)
                .expect("the temporary folder is writable");
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The plugin's file with this extension.
    pub(crate) fn file(&self, plugin: &str, extension: &str) -> PathBuf {
        self.plugins().join(format!("{plugin}.{extension}"))
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    fn plugins(&self) -> PathBuf {
        self.path().join("plugins")
    }
}

impl Node {
    /// A node with these plugins: name, component, manifest.
    pub(crate) fn start(plugins: &[(String, &Path, &str)]) -> Self {
        Self::open(Folder::new(plugins))
    }

    /// A node on folders that may have compiled code from an earlier one.
    pub(crate) fn open(folder: Folder) -> Self {
        let mut node = Self::run(folder.path());
        node.folder = Some(folder);
        node
    }

    /// A node on folders of somebody else's; all its plugins run when it returns.
    pub(crate) fn run(folder: &Path) -> Self {
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
        let store = Store::in_memory(bus.clone(), Arc::new(SystemClock)).expect("a thread");
        let channels = Channels::new(&bus);
        let environment = Arc::new(NodeEnvironment::new(Arc::new(SystemClock)));
        let hooks = PluginHooks::new();
        let config = PluginsConfig {
            bus: bus.clone(),
            store,
            consumers: Consumers::new(&channels, &bus, environment),
            channels,
            hooks: hooks.clone(),
            addressed: None,
            folder: folder.join("plugins"),
            data: folder.join("data"),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            limits: PluginLimits::default(),
            policy: Policy::default(),
            compile: CompileSettings::default(),
            quarantine: QuarantinePauses::default(),
            clock: Arc::new(SystemClock),
        };
        let stop = CancellationToken::new();
        let (plugins, running) = io.block_on(async {
            let mut runner = PluginRunner::new(config).expect("plugins can run here");
            runner
                .load_all(DEADLINE)
                .await
                .expect("the folder is readable");
            let plugins = runner.plugins();
            let stop = stop.clone();
            let running = tokio::spawn(async move {
                runner.run(&stop).await;
                runner.drain(Instant::now() + DEADLINE).await;
            });
            (plugins, running)
        });
        // Who waits for an engine to be compiled holds no start up.
        let deadline = Instant::now() + DEADLINE;
        let is_loading = |plugin: &PluginStatus| plugin.state == PluginState::Loading;
        while plugins.list().iter().any(is_loading) && Instant::now() < deadline {
            sleep::until(Instant::now() + Duration::from_millis(1));
        }
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
            plugins,
            hooks,
            bus,
            stop,
            running: Some(running),
            io,
            folder: None,
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
            partitions: 1,
        })
    }

    pub(crate) fn next(&self, receiver: &Receiver) -> Event {
        self.io
            .block_on(async { tokio::time::timeout(DEADLINE, receiver.recv()).await })
            .expect("the event comes in time")
            .expect("the receiver is open")
    }

    /// What a task of the node comes to.
    pub(crate) fn run_on<T>(&self, task: impl Future<Output = T>) -> T {
        self.io.block_on(task)
    }

    pub(crate) fn status(&self, plugin: &str) -> PluginStatus {
        self.plugins.get(plugin).expect("the plugin is loaded")
    }

    /// Lets a plugin handle nothing any more.
    pub(crate) fn pause(&self, plugin: &str) {
        let paused = self.io.block_on(self.plugins.pause(plugin));
        paused.expect("a plugin that runs can be paused");
    }

    /// Waits until the plugin is done with so many events in all.
    pub(crate) fn await_delivered(&self, plugin: &str, events: u64) {
        let deadline = Instant::now() + DEADLINE;
        while self.status(plugin).counters.delivered < events {
            assert!(
                Instant::now() < deadline,
                "{plugin} has not handled {events} events"
            );
            sleep::until(Instant::now() + Duration::from_millis(1));
        }
    }

    /// Stops the node and returns its folders, for another one.
    ///
    /// # Panics
    /// When the folders are somebody else's.
    pub(crate) fn stop(mut self) -> Folder {
        self.end();
        self.folder.take().expect("the node has its own folders")
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
