//! Sleeping for less than a runtime's timers can tell.

use tokio::time::Instant;

/// Sleeps, and does not spin: the cores are the plugins'.
#[expect(
    clippy::disallowed_methods,
    reason = "this thread is not of any runtime, and its timer is finer"
)]
pub fn until(time: Instant) {
    let left = time.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        std::thread::sleep(left);
    }
}

/// Lets this thread, the process's first, wake when it asked to; Linux would
/// otherwise let it sleep some fifty microseconds longer.
pub fn sharpen() {
    if let Err(error) = std::fs::write("/proc/self/timerslack_ns", "1") {
        eprintln!("events are published less evenly, since timers stay coarse: {error}");
    }
}
