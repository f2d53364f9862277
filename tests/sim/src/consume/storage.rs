//! Where the logs lie while the node starts and ends.

use std::convert::Infallible;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hearken::channel::Engines;
use hearken_channel_log::Environment;
use hearken_channel_log::disk::{DiskEngine, DiskSettings, Steps};
use hearken_channel_log::memory::{Memory, MemorySettings};
use hearken_channel_model::Random;
use hearken_channel_model::disk::{Disk, Faults};
use tokio::time::sleep;

/// Operations of the disk after which a process that is to crash does so, at most.
const LONGEST_LIFE: u64 = 3000;

/// Between two looks of what works for the disk.
const STEP: Duration = Duration::from_millis(1);

/// Where the logs lie.
pub(super) struct Storage {
    environment: Arc<Numbers>,
    random: Random,
    kind: Kind,
}

enum Kind {
    /// In memory, which outlives the node.
    Memory(Engines),
    /// On a disk that loses what is not synced.
    Disk(Disk),
}

/// The time of day and chance, of a seed.
#[derive(Debug)]
pub(super) struct Numbers {
    now: AtomicU64,
    random: AtomicU64,
}

impl Environment for Numbers {
    fn now_millis(&self) -> u64 {
        self.now.fetch_add(1, Ordering::Relaxed)
    }

    fn monotonic_millis(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    fn random(&self) -> u64 {
        Random::new(self.random.fetch_add(1, Ordering::Relaxed)).bits()
    }
}

impl Storage {
    pub(super) fn new(seed: u64, on_disk: bool) -> Self {
        let environment = Arc::new(Numbers::new(seed));
        Self {
            kind: if on_disk {
                Kind::Disk(Disk::new(seed))
            } else {
                Kind::Memory(Engines {
                    disk: memory(&environment),
                    memory: memory(&environment),
                })
            },
            environment,
            random: Random::new(seed ^ 0x00d1_5c00),
        }
    }

    /// Has a node live on what there is, in simulated time, until it ends or crashes. What is
    /// opened for it is closed when it ends; what outlives it is not.
    pub(super) fn live<F: Future<Output = Result<(), String>>>(
        &mut self,
        crashes: bool,
        life: impl FnOnce(Engines, Option<Disk>) -> F,
    ) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|error| error.to_string())?;
        let disk = match &self.kind {
            Kind::Memory(engines) => return runtime.block_on(life(engines.clone(), None)),
            Kind::Disk(disk) => disk.clone(),
        };
        let settings = DiskSettings {
            folder: PathBuf::from("/channels"),
            max_bytes: 1 << 30,
            max_channels: 100,
        };
        let environment = Arc::clone(&self.environment);
        let opened = DiskEngine::open_stepped(environment, Arc::new(disk.clone()), settings);
        let (engine, mut steps) = opened.map_err(|error| format!("it does not open: {error}"))?;
        let faults = disk.faults();
        let engines = Engines {
            disk: Arc::new(engine),
            memory: memory(&self.environment),
        };
        if crashes {
            disk.stop_after(self.random.below(LONGEST_LIFE));
        }
        let lived = runtime.block_on(async {
            tokio::select! {
                biased;
                lived = async {
                    let lived = life(engines.clone(), Some(disk.clone())).await;
                    if !crashes {
                        engines.disk.close().await;
                    }
                    lived
                } => lived,
                () = stopped(&disk), if crashes => Ok(()),
                never = work(&mut steps) => match never {},
            }
        });
        // All that is in hand is gone with it.
        drop(runtime);
        let has_failed = crashes && disk.faults() > faults;
        disk.set_faults(Faults::default());
        disk.set_room(u64::MAX);
        if !crashes {
            while steps.commit() || steps.keep() || steps.file() {}
            steps.settle();
            steps.seal();
            steps.tidy();
            steps.checkpoint();
        }
        let is_cut_short = disk.is_stopped();
        if crashes {
            disk.crash();
        }
        drop(steps);
        disk.go_on();
        // Whatever it says of a disk that has stopped, or failed.
        if is_cut_short || has_failed {
            Ok(())
        } else {
            lived
        }
    }

    /// Damages something in the files of a folder; returns whether there was anything.
    pub(super) fn damage(&mut self, folder: &str) -> bool {
        let Kind::Disk(disk) = &self.kind else {
            return false;
        };
        let inside = |path: &Path| path.parent() == Some(Path::new(folder));
        disk.flip(inside).is_some()
    }
}

impl Numbers {
    fn new(seed: u64) -> Self {
        Self {
            now: AtomicU64::new(1_700_000_000_000),
            random: AtomicU64::new(seed.wrapping_mul(1 << 20)),
        }
    }
}

fn memory(environment: &Arc<Numbers>) -> Arc<Memory> {
    let environment = Arc::clone(environment);
    Arc::new(Memory::new(environment, MemorySettings::default()))
}

/// Does what the engine's threads do.
async fn work(steps: &mut Steps) -> Infallible {
    let mut since = 0;
    loop {
        let worked = steps.commit() | steps.keep() | steps.file();
        since += 1;
        if since % 50 == 0 {
            steps.tidy();
        }
        if since % 200 == 0 {
            steps.settle();
            steps.checkpoint();
        }
        if worked {
            tokio::task::yield_now().await;
        } else {
            sleep(STEP).await;
        }
    }
}

/// Waits until the process has made its last operation.
async fn stopped(disk: &Disk) {
    while !disk.is_stopped() {
        sleep(STEP).await;
    }
}
