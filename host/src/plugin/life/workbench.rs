//! A plugin apart from any node: for authors who want to know what it is, or what it does
//! with an event.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::files::Files;
use super::load::{Source, Staged};
use crate::bus::{Bus, BusConfig};
use crate::channel::{Channels, NodeEnvironment};
use crate::clock::SystemClock;
use crate::config::{PluginLimits, Policy};
use crate::consumer::Consumers;
use crate::plugin::code::code_cache::CodeCache;
use crate::plugin::code::compile::CompileWorkers;
use crate::plugin::code::engines::Engines;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::outgoing::traffic::Traffic;
use crate::plugin::hooks::PluginHooks;
use crate::plugin::run::runtime::{NodeParts, Runtime};
use crate::store::Store;

/// Largest event of a node that says nothing else, in bytes.
const MAX_EVENT_BYTES: usize = 1 << 20;

/// Folders for who looks at a plugin apart from any node.
#[derive(Clone, Copy, Debug)]
pub struct BenchFolders<'f> {
    /// The data folder of a node: the engines that were added to it, and what it has compiled.
    pub data: &'f Path,
    /// Where what is compiled is kept for the next time, if no node has been there; nowhere if
    /// none.
    pub cache: Option<&'f Path>,
}

impl BenchFolders<'_> {
    /// The folder in which compiled code is, and is kept.
    fn code(&self) -> Option<&Path> {
        if is_usable(self.data) {
            return Some(self.data);
        }
        // What cannot be used is done without.
        let cache = self.cache?;
        CodeCache::open(cache.join("code")).ok().map(|_| cache)
    }
}

/// One plugin, and what it needs of a node.
pub(super) struct Workbench {
    pub(super) bus: Bus,
    pub(super) runtime: Arc<Runtime>,
    pub(super) files: Files,
    pub(super) plugin: Arc<PluginContext>,
    /// With what was compiled, unless there is a folder for that.
    _scratch: TempDir,
}

impl Workbench {
    /// For the plugin in `file`, on a node called `node`. It is compiled by `workers`; what was
    /// compiled is kept in the `folders`, and engines that are no part of the program are found
    /// there.
    ///
    /// # Errors
    /// Why plugins cannot run here.
    pub(super) fn new(
        node: &str,
        file: &Path,
        workers: CompileWorkers,
        policy: Policy,
        folders: BenchFolders<'_>,
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
        let code = folders.code().unwrap_or(scratch.path());
        let mut runtime = Runtime::new(parts, code, 1, workers, &io, policy)
            .map_err(|error| error.to_string())?;
        runtime.engines = Engines::of(folders.data);
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

    /// Starts the plugin, with stand-ins for its secrets, which are a node's.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_kept_where_a_node_is_or_else_in_the_cache() {
        let root = tempfile::tempdir().unwrap();
        let (data, cache) = (root.path().join("data"), root.path().join("cache"));
        let folders = BenchFolders {
            data: &data,
            cache: Some(&cache),
        };
        let nowhere = BenchFolders {
            cache: None,
            ..folders
        };
        assert_eq!(nowhere.code(), None);
        assert_eq!(folders.code(), Some(&*cache));
        assert!(cache.join("code").is_dir());
        std::fs::create_dir_all(data.join("code")).unwrap();
        assert_eq!(folders.code(), Some(&*data));
        std::fs::remove_dir_all(&data).unwrap();
        std::fs::remove_dir_all(&cache).unwrap();
        std::fs::write(&cache, "a file").unwrap();
        assert_eq!(folders.code(), None);
    }
}
