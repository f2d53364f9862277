//! The listeners that the benchmarks measure, and their neighbours; see `examples`.
#![cfg(target_family = "wasm")]

pub mod bindings;
pub mod clock;
pub mod packed;
