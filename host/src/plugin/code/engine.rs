//! The wasmtime engine that all plugins share, and the clock that ticks while
//! guests run.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use wasmtime::{CacheStore, Config, Engine};

use super::function_cache::FunctionCache;

/// Stack of a guest, in bytes; a deeper recursion traps.
const GUEST_STACK_BYTES: usize = 512 << 10;

/// Stack on which a guest and the host functions that it calls run, in bytes.
const FIBER_STACK_BYTES: usize = 2 << 20;

/// How often guests come to a point where they can be stopped.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Ticks without a guest after which the clock rests until one runs.
const TICKS_BEFORE_REST: u32 = 250;

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

/// Advances the engine's epoch every millisecond while guests run.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    guests: AtomicUsize,
    resting: AtomicBool,
    stop: AtomicBool,
    /// What else is done at each tick.
    at_each_tick: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("guests", &self.guests)
            .finish_non_exhaustive()
    }
}

/// Keeps the clock ticking; one for each guest that runs.
pub(crate) struct Ticking<'t>(&'t Shared);

/// Wakes the clock, which may be gone by then.
#[derive(Debug)]
pub(crate) struct Alarm {
    shared: Arc<Shared>,
    thread: Thread,
}

impl Ticker {
    pub(crate) fn start(engine: Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new()
            .name("plugin-epoch".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || tick(&engine, &shared)
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Does this at each tick, too; only the first is done.
    pub(crate) fn at_each_tick(&self, action: impl Fn() + Send + Sync + 'static) {
        let _ = self.shared.at_each_tick.set(Box::new(action));
    }

    /// Says that a guest is about to run.
    pub(crate) fn guest(&self) -> Ticking<'_> {
        self.shared.guests.fetch_add(1, Ordering::SeqCst);
        if let Some(thread) = &self.thread {
            self.shared.wake(thread.thread());
        }
        Ticking(&self.shared)
    }

    /// For those who need ticks without a guest.
    pub(crate) fn alarm(&self) -> Option<Alarm> {
        let thread = self.thread.as_ref()?.thread().clone();
        let shared = Arc::clone(&self.shared);
        Some(Alarm { shared, thread })
    }
}

impl Shared {
    /// Ends the clock's rest.
    fn wake(&self, thread: &Thread) {
        if self.resting.load(Ordering::SeqCst) {
            thread.unpark();
        }
    }
}

impl Alarm {
    /// Lets the clock tick for a while, guest or none.
    pub(crate) fn ring(&self) {
        self.shared.wake(&self.thread);
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.guests.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let handle: &Thread = thread.thread();
            handle.unpark();
            let _ = thread.join();
        }
    }
}

fn tick(engine: &Engine, shared: &Shared) {
    let mut idle = 0;
    while !shared.stop.load(Ordering::SeqCst) {
        if shared.guests.load(Ordering::SeqCst) > 0 {
            idle = 0;
        } else {
            idle += 1;
        }
        if idle > TICKS_BEFORE_REST {
            shared.resting.store(true, Ordering::SeqCst);
            // A guest that came before it could see the flag is seen here.
            if shared.guests.load(Ordering::SeqCst) == 0 && !shared.stop.load(Ordering::SeqCst) {
                std::thread::park();
            }
            shared.resting.store(false, Ordering::SeqCst);
            idle = 0;
        }
        std::thread::park_timeout(TICK);
        engine.increment_epoch();
        if let Some(action) = shared.at_each_tick.get() {
            action();
        }
    }
}
