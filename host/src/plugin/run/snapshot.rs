//! Evaluating a text ahead: an engine that has done it once, and its memory as it was then, are
//! a component that begins behind the evaluation.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, Instance, Lift, WasmList};
use wasmtime::{AsContext, Store};
use wasmtime_wizer::{ComponentContext, ComponentInstanceState, Wizer};

use super::contain::contain;
use super::errand::{Errand, TIME_SLICE};
use super::exports::ExportsPre;
use super::runtime::Runtime;
use crate::plugin::code::compile::{CompileError, ComponentFile};
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::death::Death;
use crate::plugin::guest::script::GuestScript;
use crate::plugin::guest::state::Guest;

/// CPU for the evaluation: an author waits for it.
const DEADLINE: Duration = Duration::from_secs(60);

/// Why there is no snapshot.
#[derive(Debug)]
pub(crate) enum SnapshotError {
    /// The engine is none that can be begun with.
    Engine(String),
    /// It cannot be compiled.
    Compile(CompileError),
    /// The text cannot be evaluated, or not ahead.
    Died(Death),
}

/// The engine `file` as it is when it has evaluated the texts.
///
/// # Errors
/// [`SnapshotError`] says what is in the way.
pub(crate) async fn snapshot(
    runtime: &Arc<Runtime>,
    plugin: &Arc<PluginContext>,
    file: &ComponentFile,
    mut script: GuestScript,
    config: &BTreeMap<String, String>,
) -> Result<Vec<u8>, SnapshotError> {
    let bytes = file.bytes.clone();
    script.prepares = true;
    let handle = runtime.executor.handle(1, TIME_SLICE);
    let evaluating = {
        let (runtime, plugin) = (Arc::clone(runtime), Arc::clone(plugin));
        let (handle, config) = (Arc::clone(&handle), config.clone());
        async move {
            let (context, instrumented) = Wizer::new()
                .instrument_component(&bytes)
                .map_err(|error| SnapshotError::Engine(format!("{error:#}")))?;
            // The same for all texts, and so compiled once.
            let instrumented = ComponentFile {
                hash: blake3::hash(&instrumented),
                bytes: instrumented.into(),
            };
            let path = Path::new("engine.wasm");
            let component = runtime.compiler.compile_engine(&instrumented, path).await;
            let component = component.map_err(SnapshotError::Compile)?;
            let evaluated = (Some(script), &config);
            // Its whole memory is read as one list.
            let bounds = (DEADLINE, usize::MAX);
            let errand = Errand::new(&runtime, &plugin, &component, evaluated, bounds, &handle);
            let mut evaluation = Evaluation(errand);
            handle.step_back().await;
            let made = contain(evaluation.run(&runtime, &component, &context)).await;
            made.map_err(SnapshotError::Died)
        }
    };
    runtime.executor.spawn(handle, evaluating).await
}

/// An instance that evaluates a text.
struct Evaluation(Errand);

impl Evaluation {
    async fn run(
        &mut self,
        runtime: &Runtime,
        component: &Component,
        context: &ComponentContext<'_>,
    ) -> Result<Vec<u8>, Death> {
        let meter = Arc::clone(&self.0.meter);
        let evaluating = self.evaluate(runtime, component, context);
        let made = meter.charge(evaluating).await;
        self.0.store.data().flush_output();
        made.map_err(|error| Death::of(&self.0.store, &meter, &error))
    }

    async fn evaluate(
        &mut self,
        runtime: &Runtime,
        component: &Component,
        context: &ComponentContext<'_>,
    ) -> wasmtime::Result<Vec<u8>> {
        let exports = ExportsPre::find(component, &runtime.linker);
        let exports = exports.map_err(wasmtime::Error::msg)?;
        let store = &mut self.0.store;
        let instance = exports.instantiate(&mut *store).await?;
        exports.describe(&mut *store, &instance).await?;
        let mut state = State {
            store,
            instance,
            failed: None,
        };
        let made = Wizer::new().snapshot_component(context, &mut state).await;
        match state.failed {
            Some(error) => Err(error),
            None => made,
        }
    }
}

/// Where the snapshot is read from.
struct State<'s> {
    store: &'s mut Store<Guest>,
    instance: Instance,
    /// What of it could not be read.
    failed: Option<wasmtime::Error>,
}

impl State<'_> {
    async fn call<R: Lift + Send + Sync + 'static>(
        &mut self,
        interface: &str,
        function: &str,
    ) -> Option<R> {
        match self.try_call(interface, function).await {
            Ok(result) => Some(result),
            Err(error) => {
                self.failed.get_or_insert(error);
                None
            }
        }
    }

    async fn try_call<R: Lift + Send + Sync + 'static>(
        &mut self,
        interface: &str,
        function: &str,
    ) -> wasmtime::Result<R> {
        let store = &mut *self.store;
        let exported = self.instance.get_export_index(&mut *store, None, interface);
        let exported = exported.and_then(|exported| {
            (self.instance).get_export_index(&mut *store, Some(&exported), function)
        });
        let exported = exported
            .ok_or_else(|| wasmtime::format_err!("it has no `{function}` of `{interface}`"))?;
        let function = self
            .instance
            .get_typed_func::<(), (R,)>(&mut *store, &exported)?;
        let (result,) = function.call_async(store, ()).await?;
        Ok(result)
    }
}

impl ComponentInstanceState for State<'_> {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        match self.call::<WasmList<u8>>(instance, func).await {
            Some(list) => contents(list.as_le_slice(self.store.as_context())),
            None => contents(&[]),
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.call(instance, func).await.unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.call(instance, func).await.unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        let value = self.call::<f32>(instance, func).await;
        value.unwrap_or_default().to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        let value = self.call::<f64>(instance, func).await;
        value.unwrap_or_default().to_bits()
    }
}
