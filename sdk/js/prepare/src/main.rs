//! Prepares an engine: does once what every instance of it would do before it is given a text,
//! and makes a component that begins behind that. The same engine gives the same bytes, since
//! whatever differs from node to node, or from one moment to the next, ends the attempt.
//!
//! `cargo run -p hearken-prepare -- ENGINE PREPARED`

mod segments;

use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};

use wasmtime::component::{Component, Instance, Lift, Linker, Val, WasmList};
use wasmtime::{AsContext, Config, Engine, Result, Store, bail, format_err};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(engine), Some(prepared), None) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("usage: hearken-prepare ENGINE PREPARED");
        return ExitCode::FAILURE;
    };
    let done = std::fs::read(&engine)
        .map_err(wasmtime::Error::from)
        .and_then(|bytes| prepare(&bytes))
        .and_then(|bytes| Ok(std::fs::write(&prepared, bytes)?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} cannot be prepared: {error:?}", engine.display());
            ExitCode::FAILURE
        }
    }
}

/// The engine as it is when it has been started without a text.
fn prepare(bytes: &[u8]) -> Result<Vec<u8>> {
    let wizer = Wizer::new();
    let (context, instrumented) = wizer.instrument_component(bytes)?;
    let mut config = Config::new();
    config.wasm_component_model(true);
    // A text may call as deep while it is evaluated; this does not.
    config.max_wasm_stack(1 << 20);
    let engine = Engine::new(&config)?;
    let component = Component::new(&engine, instrumented)?;
    let mut store = Store::new(&engine, ());
    let instance = linker(&engine, &component)?.instantiate(&mut store, &component)?;
    let mut prepared = Prepared {
        store,
        instance,
        failed: None,
    };
    prepared.describe()?;
    let made = at_once(wizer.snapshot_component(&context, &mut prepared))?;
    match prepared.failed {
        Some(error) => Err(error),
        None => {
            let joined = segments::join(&made?);
            joined.ok_or_else(|| format_err!("its data is of a kind that is not known"))
        }
    }
}

/// What the engine is given: no text, no moment, no chance. All else ends it.
fn linker(engine: &Engine, component: &Component) -> Result<Linker<()>> {
    let mut linker = Linker::new(engine);
    let none = Val::Tuple(vec![Val::U64(0), Val::U64(0)]);
    let moment = Val::Record(vec![
        ("seconds".to_owned(), Val::U64(0)),
        ("nanoseconds".to_owned(), Val::U32(0)),
    ]);
    for (interface, function, answer) in [
        ("hearken:engine/script", "texts", Val::List(Vec::new())),
        ("hearken:engine/script", "prepares", Val::Bool(true)),
        ("wasi:clocks/monotonic-clock", "now", Val::U64(0)),
        ("wasi:clocks/wall-clock", "now", moment),
        // For maps whose keys are the engine's own.
        ("wasi:random/insecure-seed", "insecure-seed", none),
    ] {
        let Some(interface) = imported(engine, component, interface) else {
            continue;
        };
        let answers = move |_: wasmtime::StoreContextMut<'_, ()>,
                            _,
                            _: &[Val],
                            results: &mut [Val]|
              -> Result<()> {
            results.fill(answer.clone());
            Ok(())
        };
        linker.instance(&interface)?.func_new(function, answers)?;
    }
    linker.define_unknown_imports_as_traps(component)?;
    Ok(linker)
}

/// The interface of that name, whichever its version, if the engine imports it.
fn imported(engine: &Engine, component: &Component, interface: &str) -> Option<String> {
    let component = component.component_type();
    let mut imports = component.imports(engine).map(|(name, _)| name.to_owned());
    imports.find(|name| {
        name.split_once('@')
            .is_some_and(|(name, _)| name == interface)
    })
}

/// Of a future that waits for nothing what it comes to.
fn at_once<T>(future: impl Future<Output = T>) -> Result<T> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(done) => Ok(done),
        Poll::Pending => bail!("it waits for something"),
    }
}

/// An engine that has been started.
struct Prepared {
    store: Store<()>,
    instance: Instance,
    /// What of it could not be read.
    failed: Option<wasmtime::Error>,
}

impl Prepared {
    /// Has it start.
    fn describe(&mut self) -> Result<()> {
        let component = self.instance.instance_pre(&self.store);
        let engine = self.store.engine().clone();
        let exports = component.component().component_type();
        let mut exports = exports.exports(&engine).map(|(name, _)| name.to_owned());
        let listener = exports.find(|name| name.starts_with("hearken:plugin/framed-listener@"));
        let listener = listener.ok_or_else(|| format_err!("it is no listener"))?;
        let exported = self.exported(&listener, "describe")?;
        let function = self.instance.get_func(&mut self.store, exported);
        let function = function.ok_or_else(|| format_err!("it describes nothing"))?;
        function.call(&mut self.store, &[], &mut [Val::Bool(false)])
    }

    fn exported(
        &mut self,
        interface: &str,
        function: &str,
    ) -> Result<wasmtime::component::ComponentExportIndex> {
        let (instance, store) = (&self.instance, &mut self.store);
        let interface = instance.get_export_index(&mut *store, None, interface);
        interface
            .and_then(|interface| instance.get_export_index(store, Some(&interface), function))
            .ok_or_else(|| format_err!("it has no `{function}`"))
    }

    fn call<R: Lift + Send + Sync + 'static>(
        &mut self,
        interface: &str,
        function: &str,
    ) -> Option<R> {
        let called = self.exported(interface, function).and_then(|exported| {
            let store = &mut self.store;
            let function = (self.instance).get_typed_func::<(), (R,)>(&mut *store, &exported)?;
            function.call(store, ())
        });
        match called {
            Ok((result,)) => Some(result),
            Err(error) => {
                self.failed.get_or_insert(error);
                None
            }
        }
    }
}

impl ComponentInstanceState for Prepared {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        match self.call::<WasmList<u8>>(instance, func) {
            Some(list) => contents(list.as_le_slice(self.store.as_context())),
            None => contents(&[]),
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.call(instance, func).unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.call(instance, func).unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        let value = self.call::<f32>(instance, func);
        value.unwrap_or_default().to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        let value = self.call::<f64>(instance, func);
        value.unwrap_or_default().to_bits()
    }
}
