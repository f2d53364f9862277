//! A few seeds, known ones and new ones; more are run by the package's program.

use std::collections::hash_map::RandomState;
use std::env;
use std::hash::BuildHasher as _;
use std::sync::Mutex;

use hearken_channel_model::check::{Outcome, run, run_many};

#[test]
fn promises_hold_in_some_runs() {
    let all = Mutex::new((Outcome::default(), Vec::new()));
    run_many(1, 100, 2, |_, outcome| {
        let mut all = all.lock().expect("nobody panics here");
        match outcome {
            Ok(outcome) => all.0 += outcome,
            Err(violation) => all.1.push(violation.to_string()),
        }
    });
    let (outcome, violations) = all.into_inner().expect("nobody panics here");
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    // That they are not held by nothing happening.
    assert!(outcome.appends > 800, "{outcome:?}");
    assert!(outcome.crashes > 100, "{outcome:?}");
    assert!(outcome.broken_recoveries > 20, "{outcome:?}");
    assert!(outcome.unknown > 20, "{outcome:?}");
    assert!(outcome.full_starts > 5, "{outcome:?}");
    assert!(outcome.flips > 5, "{outcome:?}");
    assert!(outcome.damages > 2, "{outcome:?}");
    assert!(outcome.lost_catalogues > 2, "{outcome:?}");
}

/// Seeds that have shown a fault once.
const FOUND: [u64; 23] = [
    1_315_170, 1_002_257, 1_013_944, 20_249, 23_127, 1_002_218, 301_781, 303_109, 303_562, 303_812,
    305_005, 305_873, 310_383, 320_583, 370_216, 402_841, 404_739, 404_914, 500_108, 607_747,
    702_411, 803_889, 900_680,
];

#[test]
fn promises_hold_in_runs_that_found_something() {
    let violations: Vec<String> = FOUND
        .iter()
        .filter_map(|seed| run(*seed).err())
        .map(|violation| violation.to_string())
        .collect();
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

/// Names the first of the seeds that nobody has run before.
const SEED: &str = "SIMULATION_SEED";

#[test]
fn promises_hold_in_new_runs() {
    let first = match env::var(SEED) {
        Ok(seed) => seed.parse().expect("a seed is a number"),
        Err(_) => RandomState::new().hash_one(()),
    };
    println!("{SEED}={first}");
    let violations = Mutex::new(Vec::new());
    run_many(first, 50, 2, |seed, outcome| {
        if let Err(violation) = outcome {
            let mut violations = violations.lock().expect("nobody panics here");
            violations.push(format!(
                "{violation}\n  again: cargo run --release -p hearken-channel-model -- {seed}"
            ));
        }
    });
    let violations = violations.into_inner().expect("nobody panics here");
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn a_seed_repeats() {
    for seed in 1..10 {
        let first = run(seed).map(|outcome| format!("{outcome:?}"));
        let second = run(seed).map(|outcome| format!("{outcome:?}"));
        assert_eq!(first, second);
    }
}
