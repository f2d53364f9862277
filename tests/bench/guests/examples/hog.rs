//! A neighbour that takes all the CPU that it can get.

#![cfg(target_family = "wasm")]

use std::hint::black_box;

use hearken_sdk::Event;

#[hearken_sdk::listener("custom.hog")]
fn spin(_event: &Event) {
    loop {
        black_box(());
    }
}
