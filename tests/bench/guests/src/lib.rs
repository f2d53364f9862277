//! The listener that the benchmarks measure, written with the SDK, and its
//! neighbours; see `examples`.
#![cfg(target_family = "wasm")]

pub mod clock;
