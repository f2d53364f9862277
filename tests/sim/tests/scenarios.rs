//! A few seeds of every scenario, known ones and new ones, and what makes them worth
//! running: one seed gives one trace, and what the rules are about does occur.

use std::env;

use hearken_sim::ledger::Coverage;
use hearken_sim::run::Outcome;
use hearken_sim::scenario::Scenario;
use hearken_sim::seeds::run_one;

/// Names the first of the seeds that nobody has run before.
const SEED: &str = "SIMULATION_SEED";

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

/// Runs known seeds and one that is new each time, unless it is named.
fn handful(scenario: Scenario) -> Coverage {
    some(scenario, 3)
}

/// The same with so many known ones.
fn some(scenario: Scenario, known: u64) -> Coverage {
    runs(scenario, 1..=known, 1)
}

/// Runs known seeds, and so many that are new each time, unless the first of them is named.
fn runs(scenario: Scenario, known: impl IntoIterator<Item = u64>, new: u64) -> Coverage {
    let first: u64 = match env::var(SEED) {
        Ok(seed) => seed.parse().expect("a seed is a number"),
        Err(_) => rand::random(),
    };
    println!("{}: {SEED}={first}", scenario.name());
    let fresh = (0..new).map(|number| first.wrapping_add(number));
    let mut coverage = Coverage::default();
    for seed in known.into_iter().chain(fresh) {
        coverage += sound(scenario, seed).coverage;
    }
    coverage
}

#[test]
fn steady() {
    handful(Scenario::Steady);
}

#[test]
fn partition() {
    let coverage = handful(Scenario::Partition);
    assert!(coverage.unreachable > 0, "{coverage:?}");
}

#[test]
fn flap() {
    handful(Scenario::Flap);
}

#[test]
fn crash() {
    let coverage = handful(Scenario::Crash);
    assert!(
        coverage.unreachable > 0 && coverage.restarts > 0,
        "{coverage:?}"
    );
}

#[test]
fn churn() {
    let coverage = handful(Scenario::Churn);
    assert!(
        coverage.goodbyes > 0 && coverage.restarts > 0,
        "{coverage:?}"
    );
}

#[test]
fn slow_peer() {
    let coverage = handful(Scenario::SlowPeer);
    assert!(coverage.slow > 0, "{coverage:?}");
}

#[test]
fn overflow() {
    let coverage = handful(Scenario::Overflow);
    assert!(coverage.gaps > 0 && coverage.overflows > 0, "{coverage:?}");
}

#[test]
fn large() {
    let coverage = handful(Scenario::Large);
    let Coverage {
        large,
        too_large,
        wishes,
        slow,
        ..
    } = coverage;
    assert!(
        large > 0 && too_large > 0 && wishes > 0 && slow > 0,
        "{coverage:?}"
    );
}

#[test]
fn secured() {
    let coverage = handful(Scenario::Secured);
    assert!(
        coverage.secured > 0 && coverage.goodbyes > 0 && coverage.unreachable > 0,
        "{coverage:?}"
    );
}

#[test]
fn twins() {
    let coverage = handful(Scenario::Twins);
    assert!(
        coverage.displaced > 0 && coverage.kept_out > 0,
        "{coverage:?}"
    );
}

#[test]
fn forgotten() {
    let coverage = handful(Scenario::Forgotten);
    let Coverage {
        forgotten,
        returned,
        gaps,
        ..
    } = coverage;
    assert!(forgotten > 0 && returned > 0 && gaps > 0, "{coverage:?}");
}

/// Each trouble once, some that have found something, and each trouble once more by seeds that
/// are new.
#[test]
fn sessions() {
    let found = [
        9049, 9096, 10004, 11054, 11111, 60083, 70421, 80018, 80483, 300_113, 601_390, 602_292,
        724_404,
    ];
    let coverage = runs(Scenario::Sessions, (1..=7).chain(found), 7);
    let Coverage {
        session_publications,
        recovered,
        lost,
        presence_pushes,
        presence_looks,
        healed_looks,
        knowing,
        wanted,
        unwanted,
        unreachable,
        goodbyes,
        ..
    } = coverage;
    assert!(
        session_publications > 1_000 && recovered > 100 && lost > 0,
        "{coverage:?}"
    );
    assert!(
        presence_pushes > 0 && presence_looks > 0 && healed_looks > 0,
        "{coverage:?}"
    );
    assert!(knowing > 0 && wanted > 0 && unwanted > 0, "{coverage:?}");
    assert!(unreachable > 0 && goodbyes > 0, "{coverage:?}");
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
