//! The listeners that the benchmarks measure, and their neighbours; see `examples`.
//! Nothing here may use the SDK, whose exports would end up in the guests that do
//! without it.
#![cfg(target_family = "wasm")]

pub mod bindings;
pub mod clock;
pub mod packed;
