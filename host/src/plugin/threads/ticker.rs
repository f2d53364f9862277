//! The clock that ticks while guests run: at each tick they can be stopped.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// How often guests come to a point where they can be stopped.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Ticks without a guest after which the clock rests until one runs.
const TICKS_BEFORE_REST: u32 = 250;

/// Advances the engine's epoch every millisecond while guests run.
#[derive(Debug)]
pub(crate) struct Ticker {
    state: Arc<TickerState>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct TickerState {
    guests: AtomicUsize,
    resting: AtomicBool,
    stop: AtomicBool,
    /// What else is done at each tick.
    at_each_tick: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for TickerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TickerState")
            .field("guests", &self.guests)
            .finish_non_exhaustive()
    }
}

/// Keeps the clock ticking; one for each guest that runs.
pub(crate) struct Ticking<'t>(&'t TickerState);

/// Wakes the clock, which may be gone by then.
#[derive(Debug)]
pub(crate) struct Alarm {
    state: Arc<TickerState>,
    thread: Thread,
}

impl Ticker {
    pub(crate) fn start(engine: Engine) -> std::io::Result<Self> {
        let state = Arc::new(TickerState::default());
        let thread = std::thread::Builder::new()
            .name("plugin-epoch".to_owned())
            .spawn({
                let state = Arc::clone(&state);
                move || tick(&engine, &state)
            })?;
        Ok(Self {
            state,
            thread: Some(thread),
        })
    }

    /// Does this at each tick, too; only the first is done.
    pub(crate) fn at_each_tick(&self, action: impl Fn() + Send + Sync + 'static) {
        let _ = self.state.at_each_tick.set(Box::new(action));
    }

    /// Says that a guest is about to run.
    pub(crate) fn guest(&self) -> Ticking<'_> {
        self.state.guests.fetch_add(1, Ordering::SeqCst);
        if let Some(thread) = &self.thread {
            self.state.wake(thread.thread());
        }
        Ticking(&self.state)
    }

    /// For those who need ticks without a guest.
    pub(crate) fn alarm(&self) -> Option<Alarm> {
        let thread = self.thread.as_ref()?.thread().clone();
        let state = Arc::clone(&self.state);
        Some(Alarm { state, thread })
    }
}

impl TickerState {
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
        self.state.wake(&self.thread);
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.guests.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let handle: &Thread = thread.thread();
            handle.unpark();
            let _ = thread.join();
        }
    }
}

fn tick(engine: &Engine, state: &TickerState) {
    let mut idle = 0;
    while !state.stop.load(Ordering::SeqCst) {
        if state.guests.load(Ordering::SeqCst) > 0 {
            idle = 0;
        } else {
            idle += 1;
        }
        if idle > TICKS_BEFORE_REST {
            state.resting.store(true, Ordering::SeqCst);
            // A guest that came before it could see the flag is seen here.
            if state.guests.load(Ordering::SeqCst) == 0 && !state.stop.load(Ordering::SeqCst) {
                std::thread::park();
            }
            state.resting.store(false, Ordering::SeqCst);
            idle = 0;
        }
        std::thread::park_timeout(TICK);
        engine.increment_epoch();
        if let Some(action) = state.at_each_tick.get() {
            action();
        }
    }
}
