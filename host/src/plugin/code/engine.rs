//! The wasmtime engine that all plugins share, and its settings.

use std::sync::Arc;

use wasmtime::{CacheStore, Config, Engine};

use super::function_cache::FunctionCache;

/// Stack of a guest, in bytes; a deeper recursion traps. An engine of a language takes up to
/// five of these bytes for one of the language's own stack.
const GUEST_STACK_BYTES: usize = 4 << 20;

/// Stack on which a guest and the host functions that it calls run, in bytes; of which is
/// taken what is used.
const FIBER_STACK_BYTES: usize = 6 << 20;

/// An engine that runs compiled code.
pub(crate) fn new_engine() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// An engine that compiles each function once, and runs nothing.
pub(crate) fn compiling_engine() -> wasmtime::Result<Engine> {
    engine_with(Arc::<FunctionCache>::default())
}

/// An engine that keeps the functions which it compiles.
pub(crate) fn engine_with(functions: Arc<dyn CacheStore>) -> wasmtime::Result<Engine> {
    let mut config = config();
    config.enable_incremental_compilation(functions)?;
    Engine::new(&config)
}

/// The engines' settings. Everything that changes generated code is part of
/// the engine's compatibility hash and so of the key of cached code.
fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.epoch_interruption(true);
    // No component here uses the async ABI, and support for it makes every call dearer.
    config.concurrency_support(false);
    // No toolchain makes components with these, and they let a memory fail to grow in
    // ways that a limiter cannot tell from success (see `memory`).
    config.wasm_memory64(false);
    config.wasm_custom_page_sizes(false);
    config.max_wasm_stack(GUEST_STACK_BYTES);
    config.async_stack_size(FIBER_STACK_BYTES);
    config
}
