//! Taking the types out of TypeScript. A guest does it, like any other within bounds of time
//! and memory: a parser that a text breaks costs an instance and not the node.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::Trap;
use wasmtime::component::{Component, ComponentType, Lift, Linker, Lower};

use super::contain::contain;
use super::errand::{Errand, TIME_SLICE};
use super::runtime::Runtime;
use crate::plugin::code::compile::CompileError;
use crate::plugin::code::engines::Engines;
use crate::plugin::guest::context::PluginContext;
use crate::plugin::guest::death::Death;
use crate::plugin::guest::state::Guest;
use crate::script::{Language, MAX_TEXTS_BYTES, Script, Text};

/// What the component exports.
const INTERFACE: &str = "hearken:engine/blank@0.1.0";

/// CPU for all texts of a plugin, which are parsed at several MiB a second.
const DEADLINE: Duration = Duration::from_secs(20);

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
            // A text comes back as large as it went in.
            let call_bytes = usize::try_from(MAX_TEXTS_BYTES).unwrap_or(usize::MAX);
            let bounds = (DEADLINE, call_bytes);
            // It asks for nothing.
            let given = (None, &BTreeMap::new());
            let errand = Errand::new(&runtime, &plugin, &component, given, bounds, &handle);
            let mut blanker = Blanker { errand, component };
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
    errand: Errand,
    component: Arc<Component>,
}

/// The texts, or which of them has a problem.
type Blanked = Result<Vec<Text>, (String, Problem)>;

impl Blanker {
    async fn blank_all(
        &mut self,
        linker: &Linker<Guest>,
        texts: Vec<Text>,
    ) -> Result<Blanked, Death> {
        let meter = Arc::clone(&self.errand.meter);
        let called = meter.charge(self.call(linker, texts)).await;
        called.map_err(|error| {
            let death = Death::of(&self.errand.store, &meter, &error);
            let why: &str = match error.downcast_ref() {
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
        let store = &mut self.errand.store;
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
