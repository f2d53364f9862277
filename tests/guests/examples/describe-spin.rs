//! Never says what it listens to.
#![cfg(target_family = "wasm")]

use hearken_guests::{nonsense, plugin};

plugin!(describe: || nonsense::spin(), |_| Ok(()));
