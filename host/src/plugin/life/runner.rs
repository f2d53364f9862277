//! Runs the plugins of a node: one supervisor for each plugin in the folder.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::entry::{COMMANDS, Entry};
use super::folder::{Changed, Folder, FolderError};
use super::plugins::Plugins;
use super::requests::Requests;
use super::status::Status;
use super::supervisor::Supervisor;
use crate::admin::PluginState;
use crate::bus::Bus;
use crate::channel::Channels;
use crate::clock::Clock;
use crate::config::{CompileSettings, PluginLimits, Policy, QuarantinePauses};
use crate::consumer::Consumers;
use crate::plugin::code::compile::CompileWorkers;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::outgoing::traffic::Traffic;
use crate::plugin::hooks::PluginHooks;
use crate::plugin::run::runtime::{NodeParts, Runtime, RuntimeError};
use crate::script::Language;
use crate::session::Sessions;
use crate::store::Store;

/// What a drain keeps of its time for stopping the plugins, a quarter at most.
const STOPPING: Duration = Duration::from_secs(2);

/// Before a plugin whose supervisor is gone is looked at again.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// What the plugin room needs to know.
pub struct PluginsConfig {
    /// The bus that plugins listen to.
    pub bus: Bus,
    /// Where plugins keep records.
    pub store: Arc<Store>,
    /// The channels that plugins append to and read.
    pub channels: Channels,
    /// Plugins' places in those that they consume.
    pub consumers: Consumers,
    /// Where sessions ask plugins.
    pub hooks: PluginHooks,
    /// The sessions that plugins may address; `None` where there never are any.
    pub addressed: Option<Sessions>,
    /// The folder with the components.
    pub folder: PathBuf,
    /// Where compiled code is kept.
    pub data: PathBuf,
    /// Threads that run guests, in foreground and background each; at least one.
    pub threads: usize,
    /// Limits of plugins whose manifest says nothing.
    pub limits: PluginLimits,
    /// What plugins may do at most.
    pub policy: Policy,
    /// How plugins are compiled.
    pub compile: CompileSettings,
    /// How long a quarantined plugin rests.
    pub quarantine: QuarantinePauses,
    /// Tells the time of errors.
    pub clock: Arc<dyn Clock>,
}

/// Why the plugins of a node cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum PluginsError {
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The machine does not let guests run.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// Runs the plugins of a node; whoever holds it drives them.
pub struct PluginRunner {
    plugins: Arc<Plugins>,
    folder: Folder,
    supervisors: JoinSet<()>,
    names: HashMap<tokio::task::Id, String>,
}

impl PluginRunner {
    /// Starts watching the folder; nothing is loaded yet.
    ///
    /// # Errors
    /// [`PluginsError`] says which folder or resource cannot be had.
    pub fn new(config: PluginsConfig) -> Result<Self, PluginsError> {
        let PluginsConfig {
            bus,
            store,
            channels,
            consumers,
            hooks,
            addressed,
            folder,
            data,
            threads,
            limits,
            policy,
            compile,
            quarantine,
            clock,
        } = config;
        let workers = CompileWorkers::new(compile, threads);
        let io = tokio::runtime::Handle::current();
        let parts = NodeParts {
            bus,
            store,
            channels,
            consumers,
            hooks,
            addressed,
        };
        let runtime = Runtime::new(parts, &data, threads, workers, &io, policy)?;
        let folder = Folder::watch(&folder, runtime.disks.folder.clone())?;
        let plugins = Arc::new(Plugins {
            runtime: Arc::new(runtime),
            limits,
            quarantine,
            clock,
            entries: Arc::default(),
            copies: TaskTracker::new(),
        });
        Ok(Self {
            plugins,
            folder,
            supervisors: JoinSet::new(),
            names: HashMap::new(),
        })
    }

    /// For the gateway.
    #[must_use]
    pub fn plugins(&self) -> Arc<Plugins> {
        Arc::clone(&self.plugins)
    }

    /// Loads every plugin in the folder, and follows the folder meanwhile; returns when
    /// each runs or has failed to, or when `within` is over. Those that are not loaded
    /// by then get the events from when they are.
    ///
    /// # Errors
    /// [`PluginsError::Folder`] when the folder cannot be read.
    pub async fn load_all(&mut self, within: Duration) -> Result<(), PluginsError> {
        let mut loading = Vec::new();
        let mut waiting = Vec::new();
        for name in self.folder.plugins().await? {
            let texts = self.folder.languages(&name).filter(|it| it.is_text());
            if waits_for_engine(&self.plugins.runtime, texts.min()).await {
                waiting.push(name.clone());
                drop(self.install(name));
            } else {
                loading.push(self.install(name));
            }
        }
        if !waiting.is_empty() {
            tracing::warn!(
                plugins = waiting.join(", "),
                "their engine is compiled first: the node takes events without them until they \
                 are loaded"
            );
        }
        let loaded = async {
            for loaded in loading {
                // An error means that the supervisor is gone, which is seen below.
                let _ = loaded.await;
            }
        };
        let mut loaded = std::pin::pin!(loaded);
        let mut late = std::pin::pin!(tokio::time::sleep(within));
        loop {
            tokio::select! {
                biased;
                () = &mut loaded => return Ok(()),
                () = &mut late => {
                    self.tell_late(within);
                    return Ok(());
                }
                () = self.step() => {}
            }
        }
    }

    /// Says which plugins the node does not wait for any longer.
    fn tell_late(&self, within: Duration) {
        let entries = self.plugins.entries();
        let late: Vec<_> = entries
            .iter()
            .filter(|entry| entry.status.state() == PluginState::Loading)
            .map(|entry| entry.status.name())
            .collect();
        tracing::warn!(
            plugins = late.join(", "),
            "not loaded within {within:?}: the node takes events without them until they are"
        );
    }

    /// Follows the folder until `stop`.
    pub async fn run(&mut self, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.step() => {}
            }
        }
    }

    /// Waits for the next thing that happens to the folder or a supervisor, and acts on
    /// it. Dropping the future loses nothing.
    async fn step(&mut self) {
        tokio::select! {
            changed = self.folder.changed() => self.look_at(changed),
            Some(ended) = self.supervisors.join_next_with_id() => self.reap(ended),
        }
    }

    fn look_at(&mut self, changed: Changed) {
        if let Some(entry) = self.plugins.entry(&changed.plugin) {
            entry.files_changed.notify_one();
        } else if changed.has_artifact {
            // Nobody waits for a plugin that is dropped into a running node.
            drop(self.install(changed.plugin));
        }
    }

    fn install(&mut self, name: String) -> oneshot::Receiver<()> {
        let Plugins {
            runtime,
            limits,
            quarantine,
            clock,
            ..
        } = &*self.plugins;
        let traffic = Traffic::new(Arc::clone(&runtime.connector), limits);
        let (bus, store) = (runtime.bus.clone(), &runtime.store);
        let context =
            PluginContext::new(name.as_str().into(), bus, &runtime.channels, store, traffic);
        let context = Arc::new(context.addressing(runtime.addressed.clone()));
        let consumers = runtime.consumers.clone();
        let clock = Arc::clone(clock);
        let status = Status::new(context, consumers, clock, limits.clone(), *quarantine);
        let status = Arc::new(status);
        let (commands, asked) = mpsc::channel(COMMANDS);
        let files_changed = Arc::new(Notify::new());
        let files = self.folder.files(&name);
        let entry = Entry {
            status: Arc::clone(&status),
            files: files.clone(),
            commands,
            files_changed: Arc::clone(&files_changed),
        };
        let supervisor = Supervisor::new(files, limits.clone(), Arc::clone(runtime), status);
        let (loaded, loading) = oneshot::channel();
        let task = self.supervisors.spawn(supervisor.run(Requests {
            commands: asked,
            files_changed,
            loaded: Some(loaded),
        }));
        self.names.insert(task.id(), name.clone());
        self.plugins
            .entries
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, entry);
        loading
    }

    /// Forgets a plugin whose supervisor has ended.
    fn reap(&mut self, ended: Result<(tokio::task::Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(name) = self.names.remove(&id) else {
            return;
        };
        let entry = self
            .plugins
            .entries
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&name);
        self.plugins.runtime.namespaces_may_differ.notify_one();
        match ended {
            // There may be another of its name by now.
            Ok(_) => {
                self.plugins.end_copy(&name);
                self.folder.look_later(name, Duration::ZERO);
            }
            Err(error) => {
                tracing::error!(plugin = name, %error, "a supervisor ended unexpectedly");
                self.plugins.runtime.hooks.remove(&name);
                if let Some(entry) = entry {
                    entry.status.stopped();
                }
                self.folder.look_later(name, AFTER_PANIC);
            }
        }
    }

    /// Ends all plugins: they work off what waits in their mailboxes and are
    /// stopped one after the other, so that those still running see it. What is
    /// not done by `deadline` is abandoned, counted and logged.
    pub async fn drain(&mut self, deadline: Instant) {
        self.plugins.runtime.draining.cancel();
        let left = deadline.saturating_duration_since(Instant::now());
        let stopping = deadline - STOPPING.min(left / 4);
        let entries = self.plugins.entries();
        // All are waited for together: one that is slow takes nobody's time.
        let _ = tokio::time::timeout_at(stopping, async {
            for entry in &entries {
                entry.work_off().await;
            }
        })
        .await;
        let finished = tokio::time::timeout_at(deadline, self.stop_all(&entries, deadline))
            .await
            .is_ok();
        if !finished {
            tracing::warn!("draining took too long; abandoning the plugins that still run");
        }
        self.plugins.copies.close();
        let _ = tokio::time::timeout_at(deadline, self.plugins.copies.wait()).await;
        self.supervisors.shutdown().await;
        for entry in &entries {
            entry.status.stopped();
        }
    }

    async fn stop_all(&mut self, entries: &[Entry], deadline: Instant) {
        let mut stopping = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let to_come = u32::try_from(entries.len() - at).unwrap_or(u32::MAX);
            // An equal share for each that is still to come, so that none with a slow
            // event in hand takes the others' time.
            let turn = left / to_come.saturating_mul(2);
            // What it has of the others' `plugin.stopped`.
            let _ = tokio::time::timeout(turn, entry.work_off()).await;
            let mut stopped = AbortOnDropHandle::new(tokio::spawn(entry.clone().stop()));
            // If that was too short, it goes on stopping beside the next.
            let _ = tokio::time::timeout(turn, &mut stopped).await;
            stopping.push(stopped);
        }
        while self.supervisors.join_next().await.is_some() {}
    }
}

/// Whether the engine of a text's language must be compiled first, which takes longer than a
/// node should take to be ready.
async fn waits_for_engine(runtime: &Arc<Runtime>, language: Option<Language>) -> bool {
    let Some(language) = language else {
        return false;
    };
    let looked_at = runtime.engines.path(language);
    let looking = Arc::clone(runtime);
    let has_code = runtime.disks.code.run(&looked_at, move || {
        let engine = looking.engines.evaluating(language);
        let has_code = engine.map(|engine| looking.compiler.has_code(&engine.hash));
        // What is not there is not compiled either.
        has_code.unwrap_or(true)
    });
    !has_code.await.unwrap_or(true)
}
