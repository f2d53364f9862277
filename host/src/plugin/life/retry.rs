//! When to look again at files that could not be read, or seemed not to be complete.

use std::time::Duration;

use tokio::time::Instant;

use super::load::Fingerprint;
use super::load_error::LoadError;

/// Before the first look at files that could not be read.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Between two looks: they double up to this, and go on as long as the files are there.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a file that looks half-written is given to be completed: as long as a busy disk may
/// let whoever writes it wait.
const HALF_WRITTEN_GRACE: Duration = Duration::from_secs(5);

/// The next look, if there is to be one.
#[derive(Default)]
pub(crate) struct Retry {
    at: Option<Instant>,
    /// Looks that failed in a row.
    failures: u32,
    /// Why they did, as was last told.
    told: Option<String>,
    /// What is given time to be completed, and until when.
    grace: Option<(Fingerprint, Instant)>,
}

impl Retry {
    /// Whether there is to be another look.
    pub(crate) fn is_pending(&self) -> bool {
        self.at.is_some()
    }

    /// Waits until it is time for another look; for ever if there is to be none.
    pub(crate) async fn due(&self) {
        match self.at {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// Says what follows from files that could not be loaded, and when to look again.
    /// Returns whether it is to be told: nothing that is over in a moment, and nothing
    /// twice.
    pub(crate) fn after(&mut self, error: &LoadError, files: Option<&Fingerprint>) -> bool {
        if error.is_half_written()
            && let Some(files) = files
        {
            let now = Instant::now();
            let known = self.grace.take().filter(|(known, _)| known == files);
            let (_, until) = self
                .grace
                .insert(known.unwrap_or_else(|| (files.clone(), now + HALF_WRITTEN_GRACE)));
            // Also when it is looked at meanwhile, since the file beside it has changed.
            if now < *until {
                self.at = Some(*until);
                return false;
            }
        }
        if !error.is_passing() {
            self.end();
            return true;
        }
        self.after_failure(error.to_string())
    }

    fn after_failure(&mut self, reason: String) -> bool {
        let doubled = 2_u32.saturating_pow(self.failures);
        let pause = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
        self.at = Some(Instant::now() + pause);
        self.failures = self.failures.saturating_add(1);
        if self.failures == 1 || self.told.as_ref() == Some(&reason) {
            return false;
        }
        self.told = Some(reason);
        true
    }

    /// There is nothing to look for any more.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::life::texts::TextError;

    #[tokio::test(start_paused = true)]
    async fn what_is_being_written_has_its_time_however_often_it_is_looked_at() {
        let empty = LoadError::Text {
            path: "plugins/a.js".into(),
            source: TextError::Empty,
        };
        let files = Fingerprint::unread("the file is empty");
        let mut retry = Retry::default();
        for _ in 0..3 {
            assert!(!retry.after(&empty, Some(&files)));
            tokio::time::advance(HALF_WRITTEN_GRACE / 4).await;
        }
        retry.due().await;
        assert!(retry.after(&empty, Some(&files)), "it stays so");
        let others = Fingerprint::unread("another manifest");
        assert!(!retry.after(&empty, Some(&others)));
        // Once it was whole it has its time again.
        retry.end();
        assert!(!retry.after(&empty, Some(&files)));
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_up_to_a_bound_and_begin_anew() {
        let mut retry = Retry::default();
        let mut pauses = Vec::new();
        let mut told = Vec::new();
        for failure in 1..=9 {
            let reason = if failure < 5 { "one" } else { "another" };
            told.push(retry.after_failure(reason.to_owned()));
            let before = Instant::now();
            retry.due().await;
            pauses.push(before.elapsed());
        }
        // Not what passes at once, and each reason once.
        let expected = [false, true, false, false, true, false, false, false, false];
        assert_eq!(told, expected);
        assert!(pauses.is_sorted(), "{pauses:?}");
        let about = |pause: Duration, expected: Duration| {
            pause >= expected && pause < expected + Duration::from_millis(5)
        };
        assert!(about(pauses[0], FIRST_PAUSE), "{pauses:?}");
        assert!(about(pauses[8], LONGEST_PAUSE), "{pauses:?}");
        retry.end();
        assert!(!retry.is_pending());
        assert!(!retry.after_failure("one".to_owned()));
        for _ in 0..100 {
            retry.after_failure("one".to_owned());
        }
        assert!(retry.is_pending());
    }
}
