//! A neighbour that prints as fast as it can, until the time that the event tells.

#![cfg(target_family = "wasm")]

use hearken_bench_guests::clock;
use hearken_sdk::Event;

/// Lines between two looks at the clock.
const LINES: u32 = 100;

#[hearken_sdk::listener("custom.bench.act")]
fn print(event: &Event) {
    let end = clock::told_by(event.data_bytes());
    while clock::now() < end {
        for line in 0..LINES {
            println!("line {line} of many that nobody wants to read");
        }
    }
}
