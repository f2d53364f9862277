//! Packed frames over the component boundary, and nothing else.

#![cfg(target_family = "wasm")]

use hearken_bench_guests::bindings::framed;
use hearken_bench_guests::packed;

struct Listener;

impl framed::exports::bench::limits::packed::Guest for Listener {
    fn handle(frame: Vec<u8>) {
        packed::touch_all(&frame);
    }
}

framed::export!(Listener with_types_in framed);
