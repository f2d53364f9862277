//! Packed frames in a core module, without the component boundary: the host
//! copies a frame to where `frame` says, and calls `handle`.

#![cfg(target_family = "wasm")]
#![allow(
    unsafe_code,
    reason = "exported names without a component need `no_mangle`"
)]

use std::sync::Mutex;

use hearken_bench_guests::packed;

/// Where the host puts a frame.
static FRAME: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Makes room for a frame of `bytes` and returns its address.
#[unsafe(no_mangle)]
pub extern "C" fn frame(bytes: usize) -> *mut u8 {
    let mut frame = FRAME.lock().expect("a guest has one thread");
    frame.resize(bytes, 0);
    frame.as_mut_ptr()
}

/// Handles the frame's events.
#[unsafe(no_mangle)]
pub extern "C" fn handle() {
    packed::touch_all(&FRAME.lock().expect("a guest has one thread"));
}
