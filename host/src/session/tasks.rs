//! What the sessions of a node have running beside what is asked of them.

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::panics::{contain_panics, keep_going};

/// What is said of one that panics.
const WHAT: &str = "a task of the sessions";

/// The tasks of the sessions of a node. A panic, which is a mistake in this program, is logged
/// and goes no further than its task.
#[derive(Debug)]
pub(super) struct Tasks {
    all: TaskTracker,
    /// Where they run, whoever begins them.
    runtime: Handle,
    closing: CancellationToken,
}

impl Tasks {
    pub(super) fn on(runtime: Handle) -> Self {
        Self {
            all: TaskTracker::new(),
            runtime,
            closing: CancellationToken::new(),
        }
    }

    /// Runs a task that comes to its end by itself, within seconds: also while the node drains.
    pub(super) fn carry_out(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = async move {
            contain_panics(WHAT, task).await;
        };
        self.all.spawn_on(task, &self.runtime);
    }

    /// Runs a task until the node ends.
    pub(super) fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        let closing = self.closing.clone();
        self.carry_out(async move {
            let _ = closing.run_until_cancelled(task).await;
        });
    }

    /// Runs what never ends until the node does, which needs it: should it panic, it is begun
    /// anew.
    pub(super) fn keep_running<F>(&self, begin: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send,
    {
        self.run(async move { keep_going(WHAT, begin).await });
    }

    /// Whether the node ends.
    pub(super) fn are_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// The node ends: those that run until then end now, and none begins any more.
    pub(super) fn close(&self) {
        self.closing.cancel();
        self.all.close();
    }

    /// Waits until all have ended, once they are closed.
    pub(super) async fn ended(&self) {
        self.all.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_the_node_needs_goes_on_after_a_panic() {
        let tasks = Tasks::on(Handle::current());
        let (begun, running) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (count, runs) = (Arc::clone(&begun), Arc::clone(&running));
        tasks.keep_running(move || {
            let (count, runs) = (Arc::clone(&count), Arc::clone(&runs));
            async move {
                assert!(count.fetch_add(1, Ordering::Relaxed) > 0, "the first time");
                runs.notify_one();
                std::future::pending::<()>().await;
            }
        });
        running.notified().await;
        assert_eq!(begun.load(Ordering::Relaxed), 2);
        tasks.close();
        tasks.ended().await;
        assert!(tasks.are_closing());
    }
}
