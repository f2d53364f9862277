//! Allocates without end on an event.
#![cfg(target_family = "wasm")]

use hearken_guests::{nonsense, plugin};

plugin!("custom.leak.*", |_| nonsense::leak());
