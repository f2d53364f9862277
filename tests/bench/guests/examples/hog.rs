//! A neighbour that takes all the CPU that it can get, until the time that the
//! event tells.

#![cfg(target_family = "wasm")]

use std::hint::black_box;

use hearken_bench_guests::clock;
use hearken_sdk::Event;

/// Turns between two looks at the clock: some milliseconds, so that it all but
/// never leaves the guest.
const TURNS: u32 = 10_000_000;

#[hearken_sdk::listener("custom.bench.act")]
fn spin(event: &Event) {
    let end = clock::told_by(event.data_bytes());
    while clock::now() < end {
        for turn in 0..TURNS {
            black_box(turn);
        }
    }
}
