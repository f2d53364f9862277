//! What a plugin listens to, found out by starting it once, apart from any node.

use std::path::Path;
use std::sync::Arc;

use super::files::Files;
use super::listener::Listener;
use super::load::Source;
use super::status::rights_status;
use crate::admin::{ListenerStatus, RightsStatus};
use crate::bus::{Bus, BusConfig};
use crate::channel::{Channels, NodeEnvironment};
use crate::clock::SystemClock;
use crate::config::{PluginLimits, Policy};
use crate::consumer::Consumers;
use crate::plugin::code::compile::CompileWorkers;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::outgoing::traffic::Traffic;
use crate::plugin::hooks::PluginHooks;
use crate::plugin::run::runtime::{NodeParts, Runtime};
use crate::store::Store;

/// What a component listens to, and what it may do, on a node with a policy.
pub struct Inspection {
    /// What it listens to, as far as it may.
    pub listeners: Vec<ListenerStatus>,
    /// What it may do.
    pub rights: RightsStatus,
}

/// Starts the component in `file`, with the manifest beside it if there is one,
/// and asks what it listens to; `policy` bounds that and what it may do. It is compiled by `workers`. Takes as long as
/// compiling does, and then at most the plugin's deadline.
///
/// # Errors
/// Why the plugin would not load, in the words that a node would use.
pub async fn inspect(
    file: &Path,
    workers: CompileWorkers,
    policy: Policy,
) -> Result<Inspection, String> {
    let scratch =
        tempfile::tempdir().map_err(|error| format!("cannot make a temporary folder: {error}"))?;
    let bus = Bus::new(BusConfig {
        node: "check".into(),
        incarnation: String::new(),
        max_event_bytes: 1 << 20,
        clock: Arc::new(SystemClock),
    });
    let store =
        Store::in_memory(bus.clone(), Arc::new(SystemClock)).map_err(|error| error.to_string())?;
    let io = tokio::runtime::Handle::current();
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
    let runtime = Runtime::new(parts, scratch.path(), 1, workers, &io, policy)
        .map_err(|error| error.to_string())?;
    let runtime = Arc::new(runtime);
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let limits = PluginLimits::default();
    let traffic = Traffic::new(Arc::clone(&runtime.connector), &limits);
    let context = PluginContext::new(
        (*name).into(),
        bus,
        &runtime.channels,
        &runtime.store,
        traffic,
    );
    let context = Arc::new(context);
    let files = Files::of_file(file);
    let room = runtime.room_to_load().await;
    let bounds = runtime.policy.now().of(&name);
    let source = Source::read(&files, &bounds, &runtime.engines).map_err(|error| error.to_string())?;
    // They are the node's.
    let source = source.without_secrets();
    let staged = source
        .stage(Some(room), &files, &context, &limits, &runtime)
        .await
        .map_err(|error| error.to_string())?;
    Ok(Inspection {
        listeners: staged.listeners.iter().map(Listener::status).collect(),
        rights: rights_status(&staged.version.rights, staged.unheard),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CompileSettings;

    #[tokio::test]
    async fn a_missing_component_is_told_before_what_is_wrong_with_its_manifest() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("gone.toml"), "nonsense = 1").unwrap();
        let workers = CompileWorkers::new(CompileSettings::default(), 1);
        let gone = folder.path().join("gone.wasm");
        let error = inspect(&gone, workers, Policy::default())
            .await
            .err()
            .unwrap();
        assert!(
            error.contains("gone.wasm") && !error.contains("nonsense"),
            "{error}"
        );
    }
}
