//! Runs of many seeds, told to whoever waits for them.

use std::sync::Mutex;

use super::{Outcome, run_many};

/// Runs so many seeds from `first` on, `jobs` at once, and prints which promises were broken
/// and what happened in the others; returns whether none was.
#[must_use]
pub fn tell(first: u64, count: u64, jobs: usize) -> bool {
    let all = Mutex::new((Outcome::default(), 0_u64));
    run_many(first, count, jobs, |seed, outcome| {
        let mut all = all.lock().expect("nobody panics while counting");
        match outcome {
            Ok(outcome) => all.0 += outcome,
            Err(violation) => {
                all.1 += 1;
                println!(
                    "channel: {violation}\n  again: cargo run --release -p hearken-channel-model -- {seed}"
                );
            }
        }
    });
    let (outcome, failed) = all.into_inner().expect("nobody panics while counting");
    println!("channel: {count} runs, {failed} failed\n  {outcome:?}");
    failed == 0
}
