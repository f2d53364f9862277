//! Declares 4,000 listeners with names and patterns of 4 KiB each: 32 MB in all.
#![cfg(target_family = "wasm")]

use hearken_guests::{Description, describe, plugin};

fn huge() -> Description {
    let one = describe(
        &"1".repeat(4_096),
        &format!("custom.{}*", "x".repeat(4_096)),
    );
    let mut listener = one.listeners[0].clone();
    listener.name = "n".repeat(4_096);
    Description {
        version: one.version,
        listeners: vec![listener; 4_000],
    }
}

plugin!(describe: huge, |_| Ok(()));
