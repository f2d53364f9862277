//! Bursts of changes: whoever changes files changes several, and the same ones again. What
//! changes is looked at when it has been quiet.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// What has changed and is not yet quiet, by key.
pub(crate) struct Bursts<K> {
    longest: Option<Duration>,
    due: HashMap<K, Due>,
}

/// When something is quiet unless it changes again.
struct Due {
    began: Instant,
    at: Instant,
}

#[cfg_attr(
    not(feature = "node"),
    allow(dead_code, reason = "only plugins' files are told apart")
)]
impl<K: Clone + Eq + Hash> Bursts<K> {
    /// Bursts of any length.
    pub(crate) fn new() -> Self {
        Self {
            longest: None,
            due: HashMap::new(),
        }
    }

    /// Bursts that end after `longest` although they go on.
    pub(crate) fn within(longest: Duration) -> Self {
        Self {
            longest: Some(longest),
            ..Self::new()
        }
    }

    /// Notes a change; the key is due when there has been none for `quiet`.
    pub(crate) fn changed(&mut self, key: K, quiet: Duration) {
        let now = Instant::now();
        let due = self.due.entry(key).or_insert(Due {
            began: now,
            at: now,
        });
        due.at = match self.longest {
            Some(longest) => (now + quiet).min(due.began + longest),
            None => now + quiet,
        };
    }

    /// The key is due after `pause`, unless that has been decided already.
    pub(crate) fn look_at(&mut self, key: K, pause: Duration) {
        if !self.due.contains_key(&key) {
            self.changed(key, pause);
        }
    }

    /// The key is not due any more.
    pub(crate) fn forget(&mut self, key: &K) {
        self.due.remove(key);
    }

    /// Waits for what is due next, and takes it out. Nothing is lost when the future is
    /// dropped.
    pub(crate) async fn next(&mut self) -> K {
        let next = self.due.iter().min_by_key(|(_, due)| due.at);
        let Some((key, at)) = next.map(|(key, due)| (key.clone(), due.at)) else {
            return std::future::pending().await;
        };
        sleep_until(at).await;
        self.due.remove(&key);
        key
    }
}

/// Waits until nothing has been told for `quiet`, at most for `longest`.
pub(crate) async fn end_of_burst(told: &Notify, quiet: Duration, longest: Duration) {
    let mut burst = Bursts::within(longest);
    burst.changed((), quiet);
    loop {
        tokio::select! {
            biased;
            () = burst.next() => return,
            () = told.notified() => burst.changed((), quiet),
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

    #[tokio::test(start_paused = true)]
    async fn each_key_has_bursts_of_its_own() {
        let mut bursts = Bursts::new();
        bursts.changed("busy", QUIET);
        bursts.changed("quiet", QUIET * 2);
        bursts.changed("forgotten", QUIET);
        bursts.changed("busy", QUIET * 3);
        bursts.look_at("quiet", QUIET * 9);
        bursts.forget(&"forgotten");
        let start = Instant::now();
        assert_eq!(bursts.next().await, "quiet");
        assert_eq!(start.elapsed().as_millis() / 100, 2);
        assert_eq!(bursts.next().await, "busy");
        assert_eq!(start.elapsed().as_millis() / 100, 3);
        let more = tokio::time::timeout(LONGEST, bursts.next()).await;
        assert!(more.is_err(), "{more:?}");
    }
}
