//! A few seeds of every scenario, and what makes them worth running: one seed gives
//! one trace.

use hearken_sim::run::Outcome;
use hearken_sim::scenario::Scenario;
use hearken_sim::seeds::run_one;

/// Runs a seed, which must break no rule.
#[track_caller]
fn sound(scenario: Scenario, seed: u64) -> Outcome {
    let outcome = run_one(scenario, seed, false);
    let name = scenario.name();
    assert_eq!(
        outcome.violation, None,
        "again: cargo run --release -p hearken-sim -- {name} --seed {seed} --trace"
    );
    assert!(
        outcome.deliveries > 0,
        "{name}, seed {seed}: no event was received"
    );
    outcome
}

fn handful(scenario: Scenario) {
    for seed in 1..=4 {
        sound(scenario, seed);
    }
}

#[test]
fn steady() {
    handful(Scenario::Steady);
}

#[test]
fn partition() {
    handful(Scenario::Partition);
}

#[test]
fn flap() {
    handful(Scenario::Flap);
}

#[test]
fn crash() {
    handful(Scenario::Crash);
}

#[test]
fn churn() {
    handful(Scenario::Churn);
}

#[test]
fn slow_peer() {
    handful(Scenario::SlowPeer);
}

#[test]
fn one_seed_gives_one_trace() {
    for scenario in Scenario::ALL {
        let (once, again) = (sound(scenario, 17), sound(scenario, 17));
        let other = sound(scenario, 18);
        let name = scenario.name();
        assert_eq!((once.hash, once.lines), (again.hash, again.lines), "{name}");
        assert_ne!(once.hash, other.hash, "{name}: another seed is another run");
    }
}
