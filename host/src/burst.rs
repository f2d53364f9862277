//! Waiting for the end of a burst: whoever changes files changes several.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Waits until nothing has been told for `quiet`, at most for `longest`.
pub(crate) async fn end_of_burst(told: &Notify, quiet: Duration, longest: Duration) {
    let longest = Instant::now() + longest;
    loop {
        let quiet = (Instant::now() + quiet).min(longest);
        let more = timeout_at(quiet, told.notified()).await;
        if more.is_err() || quiet == longest {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn a_burst_ends_when_it_is_quiet_and_in_the_end_anyway() {
        let told = Notify::new();
        let start = Instant::now();
        end_of_burst(&told, QUIET, LONGEST).await;
        assert!(start.elapsed() < QUIET * 2, "{:?}", start.elapsed());

        let start = Instant::now();
        tokio::select! {
            () = end_of_burst(&told, QUIET, LONGEST) => {}
            () = async {
                loop {
                    tokio::time::sleep(QUIET / 2).await;
                    told.notify_one();
                }
            } => {}
        }
        assert!(start.elapsed() >= LONGEST - QUIET, "{:?}", start.elapsed());
        assert!(start.elapsed() < LONGEST + QUIET, "{:?}", start.elapsed());
    }
}
