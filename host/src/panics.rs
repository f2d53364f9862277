//! What panics say, and where they end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::JoinError;

/// Before what panicked is begun anew.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// Sees a task end; one that panicked is a mistake in this program.
pub(crate) fn observe(ended: Result<(), JoinError>, doing: &str) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "{doing} ended unexpectedly");
    }
}

/// What a panic that was caught said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}

/// Does what may panic where a panic would end a thread or the process; if it does, that is
/// logged as a mistake in `what`, and goes no further.
pub(crate) fn end_panics(what: &str, work: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
        tracing::error!("{what} panicked: {}", panic_text(&*panic));
        // What it says may itself panic when it is dropped.
        std::mem::forget(panic);
    }
}

/// The same of a task. Whether it came to its end.
pub(crate) async fn contain_panics(what: &str, task: impl Future<Output = ()>) -> bool {
    let Err(panic) = AssertUnwindSafe(task).catch_unwind().await else {
        return true;
    };
    tracing::error!("{what} panicked: {}", panic_text(&*panic));
    // As above.
    std::mem::forget(panic);
    false
}

/// Runs what others need until it comes to its end: should it panic, it is begun anew a moment
/// later.
pub(crate) async fn keep_going<F>(what: &str, begin: impl Fn() -> F)
where
    F: Future<Output = ()>,
{
    while !contain_panics(what, begin()).await {
        tokio::time::sleep(RESTART_DELAY).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_others_need_is_begun_anew_after_a_panic() {
        let begun = AtomicUsize::new(0);
        let work = || async {
            let before = begun.fetch_add(1, Ordering::Relaxed);
            assert!(before > 1, "twice it fails");
        };
        keep_going("a test", work).await;
        assert_eq!(begun.load(Ordering::Relaxed), 3);
    }

    /// Panics when it is dropped.
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[test]
    fn a_panic_goes_no_further_be_it_over_what_it_says() {
        end_panics("a test", || panic!("broken"));
        let bomb = Bomb;
        end_panics("a test", move || drop(bomb));
        end_panics("a test", || std::panic::panic_any(Bomb));
    }
}
