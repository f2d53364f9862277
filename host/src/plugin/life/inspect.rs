//! What a component listens to, found out by starting it once, apart from any node.

use std::path::Path;
use std::sync::Arc;

use super::files::Files;
use super::listener::Listener;
use super::load::Source;
use crate::admin::ListenerStatus;
use crate::bus::{Bus, BusConfig};
use crate::clock::SystemClock;
use crate::config::PluginLimits;
use crate::plugin::code::compile::CompileWorkers;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::run::runtime::Runtime;
use crate::store::Store;

/// Starts the component in `file`, with the manifest beside it if there is one,
/// and asks what it listens to. It is compiled by `workers`. Takes as long as
/// compiling does, and then at most the plugin's deadline.
///
/// # Errors
/// Why the plugin would not load, in the words that a node would use.
pub async fn inspect(file: &Path, workers: CompileWorkers) -> Result<Vec<ListenerStatus>, String> {
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
    let runtime = Runtime::new(bus.clone(), store, scratch.path(), 1, workers, &io)
        .map_err(|error| error.to_string())?;
    let runtime = Arc::new(runtime);
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let context = Arc::new(PluginContext::new((*name).into(), bus, &runtime.store));
    let files = Files {
        component: file.to_owned(),
        manifest: file.with_extension("toml"),
    };
    let room = runtime.room_to_load().await;
    let source = Source::read(&files).map_err(|error| error.to_string())?;
    let staged = source
        .stage(
            Some(room),
            &files,
            &context,
            &PluginLimits::default(),
            &runtime,
        )
        .await
        .map_err(|error| error.to_string())?;
    Ok(staged.listeners.iter().map(Listener::status).collect())
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
        let error = inspect(&gone, workers).await.unwrap_err();
        assert!(
            error.contains("gone.wasm") && !error.contains("nonsense"),
            "{error}"
        );
    }
}
