//! A plugin apart from any node: for authors who want to know what it is, or what it does
//! with an event.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::files::Files;
use super::load::{Source, Staged};
use crate::bus::{Bus, BusConfig};
use crate::channel::{Channels, NodeEnvironment};
use crate::clock::SystemClock;
use crate::config::{PluginLimits, Policy};
use crate::consumer::Consumers;
use crate::plugin::code::compile::CompileWorkers;
use crate::plugin::code::engines::Engines;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::outgoing::traffic::Traffic;
use crate::plugin::hooks::PluginHooks;
use crate::plugin::run::runtime::{NodeParts, Runtime};
use crate::store::Store;

/// Largest event of a node that says nothing else, in bytes.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// One plugin, and what it needs of a node.
pub(super) struct Workbench {
    pub(super) bus: Bus,
    pub(super) runtime: Arc<Runtime>,
    pub(super) files: Files,
    pub(super) plugin: Arc<PluginContext>,
    /// With what was compiled, unless there is a node's folder for that.
    _scratch: TempDir,
}

impl Workbench {
    /// For the plugin in `file`, on a node called `node`. It is compiled by `workers`; what was
    /// compiled is kept in `data`, the data folder of a node, if that is there, and engines
    /// that are no part of the program are found in it.
    ///
    /// # Errors
    /// Why plugins cannot run here.
    pub(super) fn new(
        node: &str,
        file: &Path,
        workers: CompileWorkers,
        policy: Policy,
        data: &Path,
    ) -> Result<Self, String> {
        let scratch = tempfile::tempdir()
            .map_err(|error| format!("cannot make a temporary folder: {error}"))?;
        let bus = Bus::new(BusConfig {
            node: node.into(),
            incarnation: String::new(),
            max_event_bytes: MAX_EVENT_BYTES,
            clock: Arc::new(SystemClock),
        });
        let store = Store::in_memory(bus.clone(), Arc::new(SystemClock))
            .map_err(|error| error.to_string())?;
        let channels = Channels::new(&bus);
        let environment = Arc::new(NodeEnvironment::new(Arc::new(SystemClock)));
        let parts = NodeParts {
            bus: bus.clone(),
            store,
            consumers: Consumers::new(&channels, &bus, environment),
            channels,
            hooks: PluginHooks::new(),
            addressed: None,
        };
        let io = tokio::runtime::Handle::current();
        let code: PathBuf = match is_usable(data) {
            true => data.to_owned(),
            false => scratch.path().to_owned(),
        };
        let mut runtime = Runtime::new(parts, &code, 1, workers, &io, policy)
            .map_err(|error| error.to_string())?;
        runtime.engines = Engines::of(data);
        let runtime = Arc::new(runtime);
        let files = Files::of_file(file);
        let name = files.manifest.file_stem().unwrap_or_default();
        let limits = PluginLimits::default();
        let traffic = Traffic::new(Arc::clone(&runtime.connector), &limits);
        let plugin = PluginContext::new(
            (*name.to_string_lossy()).into(),
            bus.clone(),
            &runtime.channels,
            &runtime.store,
            traffic,
        );
        Ok(Self {
            bus,
            runtime,
            files,
            plugin: Arc::new(plugin),
            _scratch: scratch,
        })
    }

    /// Starts the plugin, without its secrets, which are a node's.
    ///
    /// # Errors
    /// Why it would not load, in the words that a node would use.
    pub(super) async fn load(&self) -> Result<Staged, String> {
        let runtime = &self.runtime;
        let room = runtime.room_to_load().await;
        let bounds = runtime.policy.now().of(&self.plugin.name);
        let source = Source::read(&self.files, &bounds, &runtime.engines);
        let source = source.map_err(|error| error.to_string())?.without_secrets();
        let limits = PluginLimits::default();
        let staged = source.stage(Some(room), &self.files, &self.plugin, &limits, runtime);
        staged.await.map_err(|error| error.into_death().in_full())
    }
}

/// Whether a node has kept what it compiled in this data folder, and this user may too.
fn is_usable(data: &Path) -> bool {
    let code = data.join("code");
    code.is_dir() && tempfile::tempfile_in(code).is_ok()
}
