//! Runs of many seeds, on several threads.

use std::cell::Cell;
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::ledger::Violation;
use crate::run::{Outcome, run};
use crate::scenario::Scenario;

thread_local! {
    /// Panics on this thread: the runtime keeps those of tasks to itself.
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

fn count_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            print(info);
        }));
    });
}

/// Runs one seed, on a thread of its own, so that nothing is left of earlier runs.
#[must_use]
pub fn run_one(scenario: Scenario, seed: u64, keep_trace: bool) -> Outcome {
    count_panics();
    let broken = |what: &str, outcome: Option<Outcome>| Outcome {
        violation: Some(Violation {
            at: outcome
                .as_ref()
                .map_or(Duration::ZERO, |outcome| outcome.elapsed),
            what: what.to_owned(),
        }),
        ..outcome.unwrap_or_default()
    };
    let run = thread::spawn(move || {
        let outcome = run(scenario.plan(seed), seed, keep_trace);
        (outcome, PANICS.get())
    });
    match run.join() {
        Err(_) => broken("the simulation panicked, see above", None),
        Ok((outcome, 0)) => outcome,
        Ok((outcome, _)) if outcome.violation.is_some() => outcome,
        Ok((outcome, _)) => broken("a task panicked, see above", Some(outcome)),
    }
}

/// Runs `count` seeds from `first` on, `jobs` at once, and hands over each outcome as
/// it comes, until `outcome` says that it is enough.
pub fn run_many(
    scenario: Scenario,
    first: u64,
    count: u64,
    jobs: usize,
    mut outcome: impl FnMut(u64, Outcome) -> bool,
) {
    let next = AtomicU64::new(0);
    let (sender, outcomes) = mpsc::sync_channel(jobs);
    thread::scope(|scope| {
        for _ in 0..jobs {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let offset = next.fetch_add(1, Ordering::Relaxed);
                    if offset >= count {
                        break;
                    }
                    let seed = first.wrapping_add(offset);
                    // Fails when it is enough.
                    if sender.send((seed, run_one(scenario, seed, false))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (seed, done) in outcomes {
            if !outcome(seed, done) {
                next.store(count, Ordering::Relaxed);
                break;
            }
        }
    });
}
