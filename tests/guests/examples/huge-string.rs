//! Fails with an error text of 16 MiB.
#![cfg(target_family = "wasm")]

use hearken_guests::plugin;

plugin!("custom.huge-string.*", |_| Err(
    "huge ".repeat(16 * 1024 * 1024 / 5)
));
