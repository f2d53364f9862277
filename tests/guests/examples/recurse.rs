//! Overflows its stack on an event.
#![cfg(target_family = "wasm")]

use hearken_guests::{nonsense, plugin};

plugin!("custom.recurse.*", |_| {
    nonsense::recurse();
    Ok(())
});
