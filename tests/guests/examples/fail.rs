//! Fails on every event, and says why.
#![cfg(target_family = "wasm")]

use hearken_guests::plugin;

plugin!("custom.fail.*", |event| Err(format!(
    "{} is not to my taste",
    event.type_
)));
