//! Traps when it is asked what it listens to.
#![cfg(target_family = "wasm")]

use hearken_guests::plugin;

plugin!(describe: || core::arch::wasm32::unreachable(), |_| Ok(()));
