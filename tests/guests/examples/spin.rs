//! Never comes back from an event.
#![cfg(target_family = "wasm")]

use hearken_guests::{nonsense, plugin};

plugin!("custom.spin.*", |_| nonsense::spin());
