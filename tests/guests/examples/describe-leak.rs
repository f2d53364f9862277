//! Allocates without end when it is asked what it listens to.
#![cfg(target_family = "wasm")]

use hearken_guests::{nonsense, plugin};

plugin!(describe: || nonsense::leak(), |_| Ok(()));
