//! Traps on `custom.moody.trap`, is content with every other event, and says so.
#![cfg(target_family = "wasm")]

use hearken_guests::{data_of, plugin};

plugin!("custom.moody.*", |event| {
    if event.type_ == "custom.moody.trap" {
        core::arch::wasm32::unreachable();
    }
    println!("content with {}", data_of(&event));
    Ok(())
});
