//! Work that waits for the disk, on threads of its own.
//!
//! On the runtime's threads for what blocks, a node that looks at a thousand plugins when it
//! starts would get dozens of them, and each keeps what was allocated on it for a while:
//! several times the memory that the plugins need.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::oneshot;

use crate::panics::panic_text;

/// How many wait for the disk at a time: enough to keep it busy.
const THREADS: usize = 4;

/// Threads on which waiting for the disk holds up nobody but those who wait for it too.
#[derive(Clone, Debug)]
pub(crate) struct Disk(Arc<ThreadPool>);

/// What was to be done on the disk was not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DiskError {
    /// It panicked, and said so.
    #[error("{0}")]
    Panicked(String),
    /// The threads have ended.
    #[error("the node is stopping")]
    Stopping,
}

impl Disk {
    /// Starts the threads; they end when the last clone is gone and all work is done.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub(crate) fn start() -> Result<Self, ThreadPoolBuildError> {
        let threads = ThreadPoolBuilder::new()
            .num_threads(THREADS)
            .thread_name(|index| format!("disk-{index}"))
            .build()?;
        Ok(Self(Arc::new(threads)))
    }

    /// Does it when it is its turn, unless the future has been dropped by then.
    ///
    /// # Errors
    /// [`DiskError`] when it panics, or the threads end first.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DiskError> {
        let (tell, done) = oneshot::channel();
        self.0.spawn_fifo(move || {
            if !tell.is_closed() {
                // Whoever has gone meanwhile needs no answer.
                let _ = tell.send(catch_unwind(AssertUnwindSafe(work)));
            }
        });
        let done = done.await.map_err(|_| DiskError::Stopping)?;
        done.map_err(|panic| DiskError::Panicked(panic_text(&*panic).to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Barrier, Mutex};

    use futures_util::FutureExt;
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn all_work_is_done_on_a_few_threads() {
        let disk = Disk::start().unwrap();
        let used = Arc::new(Mutex::new(HashSet::new()));
        let all: Vec<_> = (0..200)
            .map(|number| {
                let (disk, used) = (disk.clone(), Arc::clone(&used));
                tokio::spawn(async move {
                    let note = move || {
                        used.lock().unwrap().insert(std::thread::current().id());
                        number
                    };
                    disk.run(note).await
                })
            })
            .collect();
        for (number, work) in all.into_iter().enumerate() {
            assert_eq!(work.await.unwrap(), Ok(number));
        }
        assert!((1..=THREADS).contains(&used.lock().unwrap().len()));
    }

    #[tokio::test]
    async fn work_that_panics_is_told_and_ends_no_thread() {
        let disk = Disk::start().unwrap();
        for _ in 0..2 * THREADS {
            let done = disk.run(|| panic!("broken")).await;
            assert_eq!(done, Err::<(), _>(DiskError::Panicked("broken".to_owned())));
        }
        assert_eq!(disk.run(|| 1).await, Ok(1));
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_is_not_begun() {
        let disk = Disk::start().unwrap();
        let gate = Arc::new(Barrier::new(THREADS + 1));
        let (tell, mut at_the_gate) = mpsc::channel(THREADS);
        let busy: Vec<_> = (0..THREADS)
            .map(|_| {
                let (disk, gate, tell) = (disk.clone(), Arc::clone(&gate), tell.clone());
                let wait = move || {
                    tell.try_send(()).unwrap();
                    gate.wait();
                };
                tokio::spawn(async move { disk.run(wait).await })
            })
            .collect();
        for _ in 0..THREADS {
            at_the_gate.recv().await.unwrap();
        }
        let begun = Arc::new(AtomicBool::new(false));
        let begin = Arc::clone(&begun);
        let waiting = disk.run(move || begin.store(true, Ordering::SeqCst));
        assert!(waiting.now_or_never().is_none(), "it waits for its turn");
        tokio::task::spawn_blocking(move || gate.wait())
            .await
            .unwrap();
        for work in busy {
            work.await.unwrap().unwrap();
        }
        // Each thread has come past what was given up.
        for _ in 0..THREADS {
            disk.run(|| ()).await.unwrap();
        }
        assert!(!begun.load(Ordering::SeqCst));
    }
}
