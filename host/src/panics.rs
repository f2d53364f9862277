//! What panics say, and where they end.

#[cfg(feature = "gateway")]
use std::any::Any;
#[cfg(feature = "node")]
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::task::JoinError;

/// Sees a task end; one that panicked is a mistake in this program.
pub(crate) fn observe(ended: Result<(), JoinError>, doing: &str) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "{doing} ended unexpectedly");
    }
}

/// What a panic that was caught said.
#[cfg(feature = "gateway")]
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}

/// Does what may panic where a panic would end a thread or the process; if it does, that is
/// logged as a mistake in `what`, and goes no further.
#[cfg(feature = "node")]
pub(crate) fn end_panics(what: &str, work: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
        tracing::error!("{what} panicked: {}", panic_text(&*panic));
        // What it says may itself panic when it is dropped.
        std::mem::forget(panic);
    }
}

#[cfg(all(test, feature = "node"))]
mod tests {
    use super::*;

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
