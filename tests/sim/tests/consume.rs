//! A hundred seeds; more are run by `hearken-sim consume`.

use std::sync::Mutex;

use hearken_sim::consume::ledger::Counts;
use hearken_sim::consume::run_many;

#[test]
fn promises_hold_in_some_runs() {
    let all = Mutex::new((Counts::default(), Vec::new()));
    run_many(1, 100, 2, |_, outcome| {
        let mut all = all.lock().expect("nobody panics here");
        match outcome {
            Ok(counts) => all.0 += counts,
            Err(violation) => all.1.push(violation.to_string()),
        }
    });
    let (counts, violations) = all.into_inner().expect("nobody panics here");
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    // That they are not held by nothing happening.
    let Counts {
        handled,
        repeated,
        failed,
        died,
        retried,
        reloads,
        seeks,
        dropped,
        crashes,
        trims,
        troubles,
        damages,
        missed,
    } = counts;
    assert!(
        handled > 1000 && repeated > 10 && failed > 200,
        "{counts:?}"
    );
    assert!(died > 20 && retried > 20 && dropped > 10, "{counts:?}");
    assert!(reloads > 50 && seeks > 10 && crashes > 50, "{counts:?}");
    assert!(trims > 10 && troubles > 10, "{counts:?}");
    assert!(damages > 0 && missed > 0, "{counts:?}");
}
