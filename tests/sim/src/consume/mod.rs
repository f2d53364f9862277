//! Plugins that consume a channel, without guests: workers that fail, reject, are slow and
//! die; crashes, reloads and operators; events that are dropped, disks that are full or fail,
//! and events that are damaged. Time is simulated, the log lies in memory or on the
//! simulated disk, and what happens follows from a seed.
//!
//! [`ledger`] holds against each other what workers were handed and what became of it;
//! `life` is a start of the node and what happens until it ends, `plugin` one of the plugins
//! of it, `worker` one that handles events.

pub mod ledger;
mod life;
mod plugin;
mod storage;
mod worker;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use hearken_channel_model::Random;

use ledger::{Counts, Ledger};
use life::{Life, Mood};
use storage::Storage;

/// Starts of the node in a run, but for the last, at most.
const LIVES: u64 = 4;

/// Where the engine has the first channel that was made.
const CHANNEL_FOLDER: &str = "/channels/1";

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

/// Runs one seed: a plugin consumes a channel through crashes and reloads, and at last all
/// that there is.
///
/// # Errors
/// [`Violation`] names the promise that was broken.
pub fn run(seed: u64) -> Result<Counts, Violation> {
    play(seed).map_err(|what| Violation { seed, what })
}

fn play(seed: u64) -> Result<Counts, String> {
    let mut random = Random::new(seed ^ 0x00c0_50e5);
    let mut storage = Storage::new(seed, random.chance(600));
    let ledgers = (0..=random.below(2)).map(|_| Arc::default());
    let ledgers: Vec<Arc<Mutex<Ledger>>> = ledgers.collect();
    let max_events = random.chance(250).then(|| 20 + random.below(60));
    let lives = 1 + random.below(LIVES);
    for _ in 0..lives {
        let crashes = random.chance(600);
        let mood = Mood::any(&mut random, crashes);
        let life = Life::new(random.bits(), mood, &ledgers, max_events);
        storage.live(crashes, |engines, disk| {
            life.on(disk).play(engines, crashes)
        })?;
        let damages = !crashes && random.chance(150) && storage.damage(CHANNEL_FOLDER);
        for ledger in &ledgers {
            note(ledger, |it| {
                if crashes {
                    it.crashed();
                }
                it.counts.damages += u64::from(damages);
            })?;
        }
    }
    // Everything that is left is handled.
    let life = Life::new(random.bits(), Mood::calm(), &ledgers, max_events);
    storage.live(false, |engines, _| life.finish(engines))?;
    let mut counts = Counts::default();
    for ledger in &ledgers {
        counts += note(ledger, |it| it.counts)?;
    }
    Ok(counts)
}

/// Notes something.
fn note<T>(ledger: &Mutex<Ledger>, what: impl FnOnce(&mut Ledger) -> T) -> Result<T, String> {
    let mut ledger = ledger.lock().map_err(|_| "something panicked".to_owned())?;
    let noted = what(&mut ledger);
    match ledger.broken.clone() {
        Some(broken) => Err(broken),
        None => Ok(noted),
    }
}

/// Runs so many seeds from `first` on, `jobs` at once, and calls `done` with each.
pub fn run_many(
    first: u64,
    count: u64,
    jobs: usize,
    done: impl Fn(u64, Result<Counts, Violation>) + Sync,
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
