//! Traps on every event.
#![cfg(target_family = "wasm")]

use hearken_guests::plugin;

plugin!("custom.trap.*", |_| core::arch::wasm32::unreachable());
