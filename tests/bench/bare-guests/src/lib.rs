//! The listeners that the benchmarks measure without the SDK: it would add its own
//! exports to theirs. See `examples`.
#![cfg(target_family = "wasm")]

pub mod bindings;
pub mod packed;
