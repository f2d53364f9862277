//! A few seeds; more are run by the package's program.

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

#[test]
fn a_seed_repeats() {
    for seed in 1..10 {
        let first = run(seed).map(|outcome| format!("{outcome:?}"));
        let second = run(seed).map(|outcome| format!("{outcome:?}"));
        assert_eq!(first, second);
    }
}
