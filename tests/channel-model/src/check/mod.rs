//! Holding an engine on the simulated disk against the model.

mod session;
mod tell;
mod world;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

pub use self::tell::tell;
use self::world::World;
use crate::Random;

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Appends that were acknowledged.
    pub appends: u64,
    /// Appends that were refused.
    pub refused: u64,
    /// Appends of which nobody was told whether they are stored.
    pub unknown: u64,
    /// Crashes, those during recovery among them.
    pub crashes: u64,
    /// Recoveries that a crash or an error ended.
    pub broken_recoveries: u64,
    /// Starts on a disk without room for anything more.
    pub full_starts: u64,
    /// Bits and sectors that were damaged.
    pub flips: u64,
    /// Times that the catalogue was lost.
    pub lost_catalogues: u64,
    /// Times that damage was told.
    pub damages: u64,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// In which run.
    pub seed: u64,
    /// Which.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}: {}", self.seed, self.what)
    }
}

impl std::ops::AddAssign for Outcome {
    fn add_assign(&mut self, other: Self) {
        self.appends += other.appends;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.crashes += other.crashes;
        self.broken_recoveries += other.broken_recoveries;
        self.full_starts += other.full_starts;
        self.flips += other.flips;
        self.lost_catalogues += other.lost_catalogues;
        self.damages += other.damages;
    }
}

/// Runs one seed: an engine is used at random on a disk that fails at random, crashes, and
/// is opened again, several times.
///
/// # Errors
/// [`Violation`] names the promise that was broken.
pub fn run(seed: u64) -> Result<Outcome, Violation> {
    let mut world = World::new(seed);
    match session::play(&mut world) {
        Ok(()) => Ok(world.outcome),
        Err(what) => Err(Violation { seed, what }),
    }
}

/// Runs so many seeds from `first` on, `jobs` at once, and calls `done` with each.
pub fn run_many(
    first: u64,
    count: u64,
    jobs: usize,
    done: impl Fn(u64, Result<Outcome, Violation>) + Sync,
) {
    let next = AtomicU64::new(0);
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            let seed = first.wrapping_add(index);
            done(seed, run(seed));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.max(1) {
            scope.spawn(work);
        }
        work();
    });
}

/// What the choices of a run follow from, apart from those of its disk.
fn choices(seed: u64) -> Random {
    Random::new(seed ^ 0x00c0_ffee)
}
