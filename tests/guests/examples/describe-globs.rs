//! Declares five listeners whose alternatives multiply to 64 globs each: 320 in all.
#![cfg(target_family = "wasm")]

use hearken_guests::{Description, describe, plugin};

fn globs() -> Description {
    let one = describe("1", &"*{a,b}".repeat(6));
    let listeners = (0..5).map(|at| {
        let mut listener = one.listeners[0].clone();
        listener.name = format!("listener-{at}");
        listener
    });
    Description {
        version: one.version,
        listeners: listeners.collect(),
    }
}

plugin!(describe: globs, |_| Ok(()));
