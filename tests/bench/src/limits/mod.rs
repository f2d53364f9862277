//! What handing over an event costs at least, by each way to do it: wasmtime and
//! a guest, with no host around them, on one thread.

mod columns;
mod core_packed;
mod events;
mod framed;
mod native;
mod typed;

use tokio::time::Instant;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Config, Engine};

use crate::contest::{Contender, REPETITION};
use crate::guests;
use events::Events;

/// Events that are handed over in one call, where a call takes several.
const BATCH: usize = 64;

/// All limits, in the order of the table.
pub(crate) fn contenders() -> Vec<Contender> {
    vec![
        Contender::available("limit/native-closure", native::open()),
        Contender::new("limit/core-packed", core_packed::open()),
        Contender::available("limit/component-framed", framed::open()),
        Contender::available("limit/component-columns", columns::open()),
        Contender::available("limit/component-typed", typed::open()),
    ]
}

/// The engine of the limits: nothing that interrupts or suspends a guest.
fn engine() -> Engine {
    let mut config = Config::new();
    config.concurrency_support(false);
    Engine::new(&config).expect("the settings fit each other")
}

/// A component whose imports, which it never calls, are traps.
fn component(engine: &Engine, guest: &str) -> InstancePre<()> {
    let component = Component::from_file(engine, guests::component(guest))
        .expect("cargo made a valid component");
    let mut linker = Linker::new(engine);
    linker
        .define_unknown_imports_as_traps(&component)
        .expect("nothing is defined yet");
    linker
        .instantiate_pre(&component)
        .expect("every import is defined")
}

/// Nanoseconds an event: hands over batches for one repetition.
fn repeat(payload: usize, mut hand_over: impl FnMut(&Events)) -> f64 {
    let events = Events::new(BATCH, payload);
    hand_over(&events);
    let mut batches = 0.0;
    let began = Instant::now();
    while began.elapsed() < REPETITION {
        hand_over(&events);
        batches += 1.0;
    }
    began.elapsed().as_nanos() as f64 / (batches * BATCH as f64)
}
