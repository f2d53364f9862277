//! Taking the types out of TypeScript. A guest does it, like any other within bounds of time
//! and memory: a parser that a text breaks costs an instance and not the node.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, ComponentType, Lift, Linker, Lower};
use wasmtime::{Store, Trap};

use super::contain::contain;
use super::runtime::Runtime;
use crate::config::Manifest;
use crate::plugin::code::compile::CompileError;
use crate::plugin::code::engines::Engines;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::death::Death;
use crate::plugin::guest::rights::RightsInForce;
use crate::plugin::guest::state::Guest;
use crate::plugin::threads::meter::Meter;
use crate::plugin::threads::task::TaskHandle;
use crate::script::{Language, MAX_TEXTS_BYTES, Script, Text};

/// What the component exports.
const INTERFACE: &str = "hearken:engine/blank@0.1.0";

/// CPU for all texts of a plugin, which are parsed at several MiB a second.
const DEADLINE: Duration = Duration::from_secs(20);

/// CPU before it gives way.
const TIME_SLICE: Duration = Duration::from_millis(1);

/// Memory for it, in bytes: what a parser makes of a text is many times as large.
const MEMORY: u64 = 512 << 20;

/// What is wrong in a text.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct Problem {
    /// From 1.
    pub(crate) line: u32,
    /// From 1.
    pub(crate) column: u32,
    /// What it is, and the way out.
    pub(crate) message: String,
}

/// Why the types are still in there.
#[derive(Debug)]
pub(crate) enum BlankError {
    /// A text is not valid, or more than types would have to be taken out.
    Problem { name: String, problem: Problem },
    /// A text was too much for it.
    Died(Death),
    /// It cannot be compiled.
    Compile(CompileError),
}

/// The texts with blanks in the place of types; none if none has any.
///
/// # Errors
/// [`BlankError`] says which text is in the way, or what else is.
pub(crate) async fn blank(
    runtime: &Arc<Runtime>,
    plugin: &Arc<PluginContext>,
    script: &Script,
) -> Result<Option<Vec<Text>>, BlankError> {
    let has_types = |text: &Text| Language::of_name(&text.name) == Some(Language::TypeScript);
    if !script.texts.iter().any(has_types) {
        return Ok(None);
    }
    let file = Engines::blanking();
    let compiled = runtime
        .compiler
        .compile_engine(&file, Path::new("typescript.wasm"));
    let component = compiled.await.map_err(BlankError::Compile)?;
    let handle = runtime.executor.handle(1, TIME_SLICE);
    let blanking = {
        let (runtime, plugin) = (Arc::clone(runtime), Arc::clone(plugin));
        let (handle, texts) = (Arc::clone(&handle), script.texts.clone());
        async move {
            let mut blanker = Blanker::new(&runtime, &plugin, component, &handle);
            handle.step_back().await;
            contain(blanker.blank_all(&runtime.linker, texts)).await
        }
    };
    match runtime.executor.spawn(handle, blanking).await {
        Ok(Ok(texts)) => Ok(Some(texts)),
        Ok(Err((name, problem))) => Err(BlankError::Problem { name, problem }),
        Err(death) => Err(BlankError::Died(death)),
    }
}

/// One instance, for the texts of one plugin.
struct Blanker {
    store: Store<Guest>,
    component: Arc<Component>,
    meter: Arc<Meter>,
}

/// The texts, or which of them has a problem.
type Blanked = Result<Vec<Text>, (String, Problem)>;

impl Blanker {
    fn new(
        runtime: &Runtime,
        plugin: &Arc<PluginContext>,
        component: Arc<Component>,
        handle: &Arc<TaskHandle>,
    ) -> Self {
        let meter = Arc::new(Meter::new(Arc::clone(handle), DEADLINE, TIME_SLICE));
        // What it may is what no manifest grants; it asks for nothing.
        let manifest = Arc::<Manifest>::default();
        let policy = Arc::clone(&runtime.policy);
        let rights = RightsInForce::new(Arc::clone(&plugin.rights_of), manifest, policy);
        let guest = Guest::new(
            Arc::clone(plugin),
            &Arc::new(rights),
            Arc::default(),
            &BTreeMap::new(),
            MEMORY,
            Arc::clone(&meter),
        );
        let mut store = Store::new(component.engine(), guest);
        Guest::bound(&mut store);
        // A text comes back as large as it went in.
        store.set_hostcall_fuel(usize::try_from(MAX_TEXTS_BYTES).unwrap_or(usize::MAX));
        store.epoch_deadline_callback(|store| Ok(store.data().meter.on_tick()));
        store.set_epoch_deadline(1);
        Self {
            store,
            component,
            meter,
        }
    }

    async fn blank_all(
        &mut self,
        linker: &Linker<Guest>,
        texts: Vec<Text>,
    ) -> Result<Blanked, Death> {
        let meter = Arc::clone(&self.meter);
        let called = match meter.charge(self.call(linker, texts)).await {
            Ok(called) => called,
            Err(exceeded) => Err(exceeded.into()),
        };
        called.map_err(|error| {
            let death = Death::of(&self.store, &meter, &error);
            let why = match error.downcast_ref() {
                // A parser needs as much of the stack as its text is deep.
                Some(Trap::StackOverflow | Trap::MemoryOutOfBounds) => {
                    "the text is nested too deeply"
                }
                _ => &death.reason,
            };
            let reason = format!("taking the types out: {why}");
            Death { reason, ..death }
        })
    }

    async fn call(
        &mut self,
        linker: &Linker<Guest>,
        texts: Vec<Text>,
    ) -> wasmtime::Result<Blanked> {
        let store = &mut self.store;
        let instance = linker
            .instantiate_async(&mut *store, &self.component)
            .await?;
        let interface = instance.get_export_index(&mut *store, None, INTERFACE);
        let function = interface
            .and_then(|index| instance.get_export_index(&mut *store, Some(&index), "blank"))
            .ok_or_else(|| wasmtime::format_err!("it does not export {INTERFACE}"))?;
        let function = instance
            .get_typed_func::<(&str, &str), (Result<String, Problem>,)>(&mut *store, &function)?;
        let mut blanked = Vec::with_capacity(texts.len());
        for Text { name, text } in texts {
            if Language::of_name(&name) != Some(Language::TypeScript) {
                blanked.push(Text { name, text });
                continue;
            }
            let called = function.call_async(&mut *store, (&name, &text)).await?;
            match called.0 {
                Ok(text) => blanked.push(Text { name, text }),
                Err(problem) => return Ok(Err((name, problem))),
            }
        }
        Ok(Ok(blanked))
    }
}
