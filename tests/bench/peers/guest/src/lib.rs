//! The listener that is measured, written with Extism's own kit: it gets the
//! payload and touches its first byte.
#![cfg(target_family = "wasm")]

use std::hint::black_box;

use extism_pdk::{FnResult, plugin_fn};

#[plugin_fn]
pub fn handle(payload: Vec<u8>) -> FnResult<()> {
    black_box(payload.first());
    Ok(())
}
