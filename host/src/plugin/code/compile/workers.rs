//! The processes that compile for a node: started when there is something to compile,
//! kept for what comes next with the functions that they have compiled, ended when
//! nothing comes.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::task::AbortOnDropHandle;

use super::CompileError;
use super::protocol::Task;
use super::worker::Worker;
use crate::config::CompileSettings;

/// Most processes that compile at a time, and as many for what takes long; each may
/// take `compile.memory`.
const MAX_WORKERS: usize = 4;

/// Most threads of a process.
const MAX_THREADS: usize = 8;

/// After which a component that is still being compiled makes room for others.
const LONG: Duration = Duration::from_secs(10);

/// How long a process without work is kept. It holds some 40 MiB, and saves the next
/// version of a plugin what it has in common with the one before.
const KEPT: Duration = Duration::from_secs(120);

/// CPU time for an engine of a language at least: the largest takes 20 s alone on a machine,
/// and several times that beside others.
const ENGINE_TIMEOUT: Duration = Duration::from_secs(600);

/// Memory for an engine of a language at least, in bytes.
const ENGINE_MEMORY: u64 = 4 << 30;

/// Starts, keeps and ends the processes that compile; dropping the last of its clones kills
/// them.
#[derive(Clone, Debug)]
pub struct CompileWorkers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    settings: CompileSettings,
    /// Threads of each process.
    threads: usize,
    room: Semaphore,
    overtime: Semaphore,
    idle: Mutex<Vec<Idle>>,
    numbers: AtomicU64,
}

/// A process without work.
#[derive(Debug)]
struct Idle {
    number: u64,
    worker: Worker,
    /// Ends it when nothing comes.
    _end: AbortOnDropHandle<()>,
}

/// The right to have one component compiled now.
pub(super) struct Room<'p> {
    pool: &'p Arc<Pool>,
    permit: SemaphorePermit<'p>,
}

impl CompileWorkers {
    /// None runs yet. At most `threads` compile at a time.
    #[must_use]
    pub fn new(settings: CompileSettings, threads: usize) -> Self {
        let workers = threads.clamp(1, MAX_WORKERS);
        Self::with(settings, workers, threads.clamp(1, MAX_THREADS))
    }

    /// The same for engines of languages: one at a time, within limits that are no plugin's.
    #[must_use]
    pub(super) fn for_engines(&self) -> Self {
        let settings = &self.0.settings;
        let settings = CompileSettings {
            timeout: settings.timeout.max(ENGINE_TIMEOUT),
            memory: settings.memory.max(ENGINE_MEMORY),
            program: settings.program.clone(),
        };
        Self::with(settings, 1, self.0.threads)
    }

    fn with(settings: CompileSettings, workers: usize, threads: usize) -> Self {
        Self(Arc::new(Pool {
            settings,
            threads,
            room: Semaphore::new(workers),
            overtime: Semaphore::new(workers),
            idle: Mutex::default(),
            numbers: AtomicU64::new(0),
        }))
    }

    /// What [`serve_compile_tasks`](super::serve_compile_tasks) was given to examine
    /// components with says of this one, the content of `file`.
    ///
    /// # Errors
    /// [`CompileError`] when it cannot be looked at.
    pub async fn examine(&self, component: &[u8], file: &Path) -> Result<Vec<u8>, CompileError> {
        let room = self.room().await;
        room.run(Task::Examine, component, file).await
    }

    /// Waits until there is room for one more component.
    pub(super) async fn room(&self) -> Room<'_> {
        let permit = self.0.room.acquire().await;
        Room {
            pool: &self.0,
            permit: permit.expect("the semaphore is never closed"),
        }
    }
}

impl Room<'_> {
    /// The machine code of a component, the content of `file`. Dropping the future ends
    /// the work.
    pub(super) async fn compile(
        self,
        component: &[u8],
        file: &Path,
    ) -> Result<Vec<u8>, CompileError> {
        self.run(Task::Compile, component, file).await
    }

    async fn run(self, task: Task, component: &[u8], file: &Path) -> Result<Vec<u8>, CompileError> {
        let Self { pool, permit } = self;
        let mut working = std::pin::pin!(pool.work(task, component, file));
        if let Ok(answer) = tokio::time::timeout(LONG, &mut working).await {
            return answer;
        }
        // So that one that takes long, or as many as there are workers, do not keep
        // those waiting that take a moment.
        let overtime = pool.overtime.try_acquire();
        let _held = match overtime {
            Ok(overtime) => {
                drop(permit);
                overtime
            }
            Err(_) => permit,
        };
        working.await
    }
}

impl Pool {
    async fn work(
        self: &Arc<Self>,
        task: Task,
        component: &[u8],
        file: &Path,
    ) -> Result<Vec<u8>, CompileError> {
        let known = self.take(file);
        let is_fresh = known.is_none();
        let worker = match known {
            Some(worker) => worker,
            None => self.start().await?,
        };
        let answer = self.ask(worker, task, component, file).await;
        let again = match &answer {
            // Perhaps what it still held from before was too much.
            Err(CompileError::TooMuchMemory(_)) => !is_fresh,
            // Perhaps not over this component: a machine without memory kills it first.
            Err(CompileError::WorkerDied(_)) => true,
            _ => false,
        };
        if !again {
            return answer;
        }
        let worker = self.start().await?;
        self.ask(worker, task, component, file).await
    }

    async fn start(&self) -> Result<Worker, CompileError> {
        Worker::start(&self.settings, self.threads).await
    }

    async fn ask(
        self: &Arc<Self>,
        worker: Worker,
        task: Task,
        component: &[u8],
        file: &Path,
    ) -> Result<Vec<u8>, CompileError> {
        let (answer, worker) = worker.ask(task, component, file, &self.settings).await;
        if let Some(worker) = worker {
            self.keep(worker);
        }
        answer
    }

    /// A process without work that still runs; that which knows the file if there is
    /// one, otherwise the one used last, so that the others can end.
    fn take(&self, file: &Path) -> Option<Worker> {
        let mut idle = self.idle();
        while !idle.is_empty() {
            let known = idle.iter().rposition(|idle| idle.worker.knows(file));
            let at = known.unwrap_or(idle.len() - 1);
            let mut taken = idle.remove(at).worker;
            if taken.is_alive() {
                return Some(taken);
            }
        }
        None
    }

    fn keep(self: &Arc<Self>, worker: Worker) {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let pool = Arc::downgrade(self);
        let mut idle = self.idle();
        let end = tokio::spawn(async move {
            tokio::time::sleep(KEPT).await;
            if let Some(pool) = pool.upgrade() {
                pool.idle().retain(|idle| idle.number != number);
            }
        });
        idle.push(Idle {
            number,
            worker,
            _end: AbortOnDropHandle::new(end),
        });
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        // Nothing in here panics half-way through a change.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use super::*;

    /// A process that is killed over its first task, and answers `ok` when it is started
    /// again.
    const KILLED_ONCE: &str = r"#!/bin/sh
printf 'hearken-compile\001'
/bin/mkdir ONCE 2>/dev/null && kill -9 $$
printf '\000\002\000\000\000\000\000\000\000ok'
read -r rest
";

    /// A program of its own, which this process never had open for writing: while it has,
    /// nobody can run it.
    fn program(folder: &Path, text: &str) -> std::path::PathBuf {
        let path = folder.join("program");
        let script = format!(
            "cat >'{0}' <<'END'\n{text}\nEND\nchmod 700 '{0}'",
            path.display()
        );
        let made = Command::new("/bin/sh").arg("-c").arg(script).status();
        assert!(made.expect("there is a shell").success());
        path
    }

    #[tokio::test]
    async fn a_component_whose_process_was_killed_is_given_to_another() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let once = folder.path().join("once");
        let text = KILLED_ONCE.replace("ONCE", &once.display().to_string());
        let settings = CompileSettings {
            program: program(folder.path(), &text),
            ..CompileSettings::default()
        };
        let workers = CompileWorkers::new(settings, 1);
        let answer = workers.examine(b"component", Path::new("a.wasm")).await;
        assert_eq!(answer.expect("the second answers"), b"ok");
        assert!(once.exists(), "the first was killed");
    }
}
