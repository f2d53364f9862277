//! Traps on `custom.moody.trap` and is content with every other event.
#![cfg(target_family = "wasm")]

use hearken_guests::plugin;

plugin!("custom.moody.*", |event| {
    if event.type_ == "custom.moody.trap" {
        core::arch::wasm32::unreachable();
    }
    Ok(())
});
