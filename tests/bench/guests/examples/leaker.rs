//! A neighbour that fills its memory until its limit kills it, again and again
//! until the time that the events tell. It handles every other event well, or it
//! would be taken out of service for failing.

#![cfg(target_family = "wasm")]

use std::hint::black_box;

use hearken_bench_guests::clock;
use hearken_sdk::Event;

/// Bytes that it takes at once.
const PIECE: usize = 1 << 20;

#[derive(Default)]
struct Leaker {
    /// A fresh instance starts well.
    started: bool,
}

#[hearken_sdk::listeners]
impl Leaker {
    #[listener("custom.bench.act")]
    fn leak(&mut self, event: &Event) {
        let started = std::mem::replace(&mut self.started, true);
        while started && clock::now() < clock::told_by(event.data_bytes()) {
            // Written to, so that the memory is there.
            black_box(vec![1_u8; PIECE].leak());
        }
    }
}
