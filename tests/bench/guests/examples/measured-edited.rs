//! `measured` after an edit: one more listener, with code and text of its own.

#![cfg(target_family = "wasm")]

#[path = "measured.rs"]
mod measured;

use hearken_sdk::Event;

#[hearken_sdk::listener("custom.bench.edited")]
fn edited(event: &Event) -> Result<(), String> {
    match event.data_bytes() {
        [] => Err(format!("{} has no data", event.event_type())),
        _ => Ok(()),
    }
}
