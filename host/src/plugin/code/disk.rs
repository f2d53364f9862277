//! Work that waits for the disk, on threads of its own.
//!
//! On the runtime's threads for what blocks, a node that looks at a thousand plugins when it
//! starts would get dozens of them, and each keeps what was allocated on it for a while:
//! several times the memory that the plugins need.
//!
//! A mount whose server is away answers nobody, for hours. So nobody waits for longer than
//! a deadline, and what has not answered by then is not asked again before it has.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout};

use crate::panics::{end_panics, panic_text};

/// Threads on which waiting for the disk holds up nobody but those who wait for it too.
#[derive(Clone, Debug)]
pub(crate) struct Disk(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    threads: ThreadPool,
    /// One for each thread: what has none yet is still with who waits for it, and goes
    /// when that one goes.
    turns: Arc<Semaphore>,
    within: Duration,
    begun: Arc<Begun>,
}

/// What the threads are at; as much at most as there are threads.
#[derive(Debug, Default)]
struct Begun(Mutex<Vec<Arc<Asked>>>);

/// Somebody wants something of a path.
#[derive(Debug)]
struct Asked {
    path: PathBuf,
    at: Instant,
}

/// The right to a thread, until the work is over.
struct Turn {
    asked: Arc<Asked>,
    begun: Arc<Begun>,
    _permit: OwnedSemaphorePermit,
}

/// What was to be done on the disk was not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DiskError {
    /// It takes too long, or its turn does not come.
    #[error(
        "{} did not answer within {}; is the disk, or what is mounted there, still working?",
        path.display(),
        humantime::format_duration(*within)
    )]
    Silent { path: PathBuf, within: Duration },
    /// It panicked, and said so.
    #[error("{0}")]
    Panicked(String),
    /// The threads have ended.
    #[error("the node is stopping")]
    Stopping,
}

impl Disk {
    /// Starts so many threads, named after what they look at, on which nothing is waited
    /// for longer than `within`. They end when the last clone is gone and all work is done.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub(crate) fn start(
        name: &'static str,
        threads: usize,
        within: Duration,
    ) -> Result<Self, ThreadPoolBuildError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(move |index| format!("{name}-{index}"))
            .build()?;
        Ok(Self(Arc::new(Inner {
            threads: pool,
            turns: Arc::new(Semaphore::new(threads)),
            within,
            begun: Arc::default(),
        })))
    }

    /// Does what waits for `path` when it is its turn, unless the future has been dropped
    /// by then.
    ///
    /// # Errors
    /// [`DiskError`] when it is not done within the deadline, when the same path has
    /// failed to answer before and still does not, when the work panics, or when the
    /// threads end first.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DiskError> {
        let within = self.0.within;
        let silent = || DiskError::Silent {
            path: path.to_owned(),
            within,
        };
        // Otherwise each that tries again would take one more thread from the others.
        if self.0.begun.is_overdue(path, within) {
            return Err(silent());
        }
        let done = timeout(within, self.done(path, work)).await;
        done.unwrap_or_else(|_| Err(silent()))
    }

    async fn done<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DiskError> {
        let asked = Asked {
            path: path.to_owned(),
            at: Instant::now(),
        };
        let turn = self.turn(asked).await;
        let (tell, done) = oneshot::channel();
        self.0.threads.spawn_fifo(move || {
            carry_out(work, tell);
            drop(turn);
        });
        let done = done.await.map_err(|_| DiskError::Stopping)?;
        done.map_err(DiskError::Panicked)
    }

    async fn turn(&self, asked: Asked) -> Turn {
        let permit = Arc::clone(&self.0.turns).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        let (asked, begun) = (Arc::new(asked), Arc::clone(&self.0.begun));
        begun.lock().push(Arc::clone(&asked));
        Turn {
            asked,
            begun,
            _permit: permit,
        }
    }
}

impl Begun {
    /// Whether this path was to answer by now and has not.
    fn is_overdue(&self, path: &Path, within: Duration) -> bool {
        let begun = self.lock();
        begun
            .iter()
            .any(|asked| asked.path == path && asked.at.elapsed() >= within)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Asked>>> {
        // Nothing in here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut begun = self.begun.lock();
        begun.retain(|asked| !Arc::ptr_eq(asked, &self.asked));
    }
}

/// Does it, unless nobody waits for it any more. Nothing of it is dropped but where a panic
/// is caught, be it the work itself or what it came to: elsewhere on these threads, one
/// ends the process.
fn carry_out<T>(work: impl FnOnce() -> T, tell: oneshot::Sender<Result<T, String>>) {
    end_panics("dropping what nobody waits for any more", move || {
        if tell.is_closed() {
            return;
        }
        let done = catch_unwind(AssertUnwindSafe(work));
        // Whoever has gone meanwhile needs no answer.
        let _ = tell.send(done.map_err(|panic| panic_text(&*panic).to_owned()));
    });
}

#[cfg(test)]
pub(crate) mod tests;
