//! The engine's threads: one for each of its parts, and some that read.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::committer::Committer;
use super::core::Core;
use super::filer::Filer;
use super::orders::Keeper;
use super::steps::Steps;
use crate::StorageFault;

/// Threads that read from the disk.
const READERS: usize = 2;

/// The time without appends after which it is proven that the last were durable.
const QUIET: Duration = Duration::from_secs(1);

/// Times that the committer lets others go first, at most; of those who append one by one
/// it lets nobody.
const MAX_YIELDS: u32 = 8;

/// How often the filer takes a look, and drops what channels do not keep.
const LOOK: Duration = Duration::from_secs(1);
/// Looks after which it drops what is unused in memory.
const LOOKS_TO_FORGET: u32 = 10;
/// Looks after which it makes a checkpoint, if anything was written.
const LOOKS_TO_CHECKPOINT: u32 = 30;

/// How often the keeper makes durable what is not.
const SETTLE: Duration = Duration::from_secs(10);

/// The engine's threads.
#[derive(Debug)]
pub(super) struct Threads {
    core: Arc<Core>,
    /// Those that give the others work, first.
    threads: Vec<JoinHandle<()>>,
    filer: Option<JoinHandle<()>>,
}

impl Threads {
    /// Starts them.
    pub(super) fn start(core: &Arc<Core>, steps: Steps) -> io::Result<Self> {
        let mut threads = Self {
            core: Arc::clone(core),
            threads: Vec::new(),
            filer: None,
        };
        let started = threads.start_all(steps);
        if let Err(error) = started {
            core.close();
            threads.join_here();
            return Err(error);
        }
        Ok(threads)
    }

    fn start_all(&mut self, steps: Steps) -> io::Result<()> {
        let Steps {
            committer,
            filer,
            keeper,
            ..
        } = steps;
        let core = Arc::clone(&self.core);
        let commit = move |core: &Arc<Core>| commit(core, committer);
        self.threads.push(spawn("channel-commit", &core, commit)?);
        let keep = move |core: &Arc<Core>| keep(core, keeper);
        self.threads.push(spawn("channel-keep", &core, keep)?);
        for number in 0..READERS {
            let name = format!("channel-read-{number}");
            self.threads.push(spawn(&name, &core, |core| read(core))?);
        }
        self.filer = Some(spawn("channel-file", &core, move |core| file(core, filer))?);
        Ok(())
    }

    /// Waits for their end, once the engine is closed.
    pub(super) async fn join(self) {
        let (ended, has_ended) = oneshot::channel();
        let closer = Builder::new()
            .name("channel-close".to_owned())
            .spawn(move || {
                self.join_here();
                let _ = ended.send(());
            });
        // Whoever finds no thread for it lets them end by themselves.
        if closer.is_ok() {
            let _ = has_ended.await;
        }
    }

    /// Waits for their end here.
    pub(super) fn join_here(self) {
        for thread in self.threads {
            // It has caught what it panicked with.
            let _ = thread.join();
        }
        // Only now does nobody have more for it.
        self.core.filing.close();
        if let Some(filer) = self.filer {
            let _ = filer.join();
        }
    }
}

/// Starts a thread; if it panics, nothing more is stored.
fn spawn(
    name: &str,
    core: &Arc<Core>,
    run: impl FnOnce(&Arc<Core>) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let core = Arc::clone(core);
    let text = format!("the thread {name} has panicked; start the node again");
    Builder::new().name(name.to_owned()).spawn(move || {
        let ran = catch_unwind(AssertUnwindSafe(|| run(&core)));
        if ran.is_err() {
            core.fail(&StorageFault::new(text));
            core.close();
            // Nobody else would ever answer those who wait for it.
            drop(core.appends.take(usize::MAX, usize::MAX));
            drop(core.orders.take(usize::MAX, usize::MAX));
            drop(core.reads.take(usize::MAX, usize::MAX));
        }
    })
}

fn commit(core: &Core, mut committer: Committer) {
    loop {
        let quiet = committer.is_unproven().then_some(QUIET);
        if !core.appends.wait(quiet) {
            break;
        }
        while !core.filing.has_room() && !core.filing.is_waiting() && core.fault().is_none() {
            core.filing.wait_for_room(LOOK);
        }
        gather(core, committer.last_appends());
        if !committer.commit() {
            committer.prove();
        }
    }
    committer.close();
}

/// Lets those who were answered together, so many, ask again together, while they do: else
/// they would be two groups from then on, of which each waits for the other's sync.
fn gather(core: &Core, before: usize) {
    let mut waiting = 0;
    for _ in 0..MAX_YIELDS {
        let now = core.appends.len();
        if now >= before || now == waiting {
            break;
        }
        waiting = now;
        std::thread::yield_now();
    }
}

fn keep(core: &Core, mut keeper: Keeper) {
    while core.orders.wait(keeper.is_volatile().then_some(SETTLE)) {
        if !keeper.carry_out() {
            keeper.settle();
        }
    }
    keeper.settle();
}

fn read(core: &Core) {
    while core.reads.wait(None) {
        for read in core.reads.take(1, usize::MAX) {
            read();
        }
    }
}

/// Tells those who wait for the filer when it is no more, whatever ended it.
struct Abandoned<'c>(&'c Core);

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        self.0.filing.abandon();
    }
}

fn file(core: &Core, mut filer: Filer) {
    let _abandoned = Abandoned(core);
    let mut last_look = Instant::now();
    let mut looks = 0_u32;
    loop {
        core.filing.wait(LOOK);
        let looks_now = last_look.elapsed() >= LOOK;
        if looks_now {
            last_look = Instant::now();
            looks = looks.wrapping_add(1);
            // Whether it still is shows when something is written.
            core.filing.set_waiting(None);
        }
        // A full disk leaves all for the next look.
        let _ = filer.file();
        // Not at the next look: until then such a channel would take the room of others.
        let _ = filer.drop_outgrown();
        let closed = filer.work_off();
        let due = looks_now && looks.is_multiple_of(LOOKS_TO_CHECKPOINT) && filer.has_written();
        if due || core.filing.wants_checkpoint() || closed {
            let _ = filer.checkpoint();
        }
        if closed {
            return;
        }
        if looks_now {
            let _ = filer.drop_old();
            if looks.is_multiple_of(LOOKS_TO_FORGET) {
                filer.look();
            }
        }
    }
}
