//! Sends every event that it gets again, and so gets it again.
#![cfg(target_family = "wasm")]

use hearken_guests::{Event, data_of, plugin, report};

fn again(event: Event) -> Result<(), String> {
    report(&event.type_, data_of(&event))
}

plugin!("custom.self-loop.*", again);
