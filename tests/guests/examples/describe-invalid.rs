//! Declares a listener with an empty pattern.
#![cfg(target_family = "wasm")]

use hearken_guests::{describe, plugin};

plugin!(describe: || describe("0.1.0", ""), |_| Ok(()));
