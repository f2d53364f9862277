//! Work that waits for the disk, beside what must not wait.
//!
//! A thousand plugins that are looked at when the node starts would otherwise each get a
//! thread of their own, and every thread keeps some memory of the allocator's.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinError;

/// How much of it is done at a time: enough to keep a disk busy.
const AT_A_TIME: usize = 8;

/// Where waiting for the disk holds up nobody but those who wait for it too.
#[derive(Clone, Debug)]
pub(crate) struct Disk(Arc<Semaphore>);

impl Disk {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_A_TIME)))
    }

    /// Does it when it is its turn. What has begun goes on when the future is dropped,
    /// and so does its turn.
    ///
    /// # Errors
    /// [`JoinError`] when it panics, or the node ends first.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let turn = Arc::clone(&self.0).acquire_owned().await;
        let turn = turn.expect("the semaphore is never closed");
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn only_some_work_at_a_time_and_all_of_it_is_done() {
        let disk = Disk::new();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let all: Vec<_> = (0..200)
            .map(|_| {
                let (disk, now, most) = (disk.clone(), Arc::clone(&now), Arc::clone(&most));
                tokio::spawn(async move {
                    disk.run(move || {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                    })
                    .await
                })
            })
            .collect();
        for work in all {
            work.await.unwrap().unwrap();
        }
        assert!((1..=AT_A_TIME).contains(&most.load(Ordering::SeqCst)));
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_turn_back() {
        let disk = Disk::new();
        for _ in 0..2 * AT_A_TIME {
            disk.run(|| panic!("broken")).await.unwrap_err();
        }
        disk.run(|| ()).await.unwrap();
    }
}
