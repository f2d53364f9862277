//! How much a log keeps.

use std::time::Duration;

/// The least that [`LogSettings::max_bytes`] may be: below it a log would hold hardly a
/// batch.
pub const MIN_LOG_BYTES: u64 = 64 << 10;

/// The longest that [`LogSettings::dedupe`] may be.
pub const MAX_DEDUPE: Duration = Duration::from_hours(24);

/// How much a log keeps, and what is done when it is full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Most events that are kept; as many as there is room for by default.
    pub max_events: Option<u64>,
    /// Most bytes that its events take in storage, [`MIN_LOG_BYTES`] or more; 1 GiB by
    /// default. An engine may drop what is over in pieces of up to an eighth of it, and a second
    /// later. Whoever appends faster than it drops waits for that, and nobody else does: beyond
    /// that eighth there are 512 KiB at most, and what is appended at once.
    pub max_bytes: u64,
    /// How long events are kept after they were recorded; for ever by default.
    pub max_age: Option<Duration>,
    /// What happens when an append would have more kept than `max_events` or `max_bytes`.
    pub discard: Discard,
    /// For how long the key of an event is remembered, so that it is stored once, at most
    /// [`MAX_DEDUPE`]; two minutes by default.
    pub dedupe: Duration,
}

/// What happens when a log is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discard {
    /// The oldest events are dropped.
    #[default]
    Oldest,
    /// Appends are refused.
    Refuse,
}

/// Why settings cannot be honoured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// No event at all would be kept.
    #[error("max_events is 0; a channel keeps at least one event")]
    NoEvents,
    /// Hardly anything would be kept.
    #[error("max_bytes is {0}; a channel has at least {MIN_LOG_BYTES} bytes")]
    FewBytes(u64),
    /// Nothing would be kept for a moment.
    #[error("max_age is zero; give a time such as 30d, or none to keep events for ever")]
    NoAge,
    /// Keys would be remembered for too long.
    #[error("dedupe is longer than {} hours, its most", MAX_DEDUPE.as_secs() / 3600)]
    LongDedupe,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            max_events: None,
            max_bytes: 1 << 30,
            max_age: None,
            discard: Discard::Oldest,
            dedupe: Duration::from_mins(2),
        }
    }
}

impl LogSettings {
    /// Checks that they can be honoured.
    ///
    /// # Errors
    /// [`SettingsError`] says which cannot.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.max_events == Some(0) {
            return Err(SettingsError::NoEvents);
        }
        if self.max_bytes < MIN_LOG_BYTES {
            return Err(SettingsError::FewBytes(self.max_bytes));
        }
        if self.max_age.is_some_and(|age| age.is_zero()) {
            return Err(SettingsError::NoAge);
        }
        if self.dedupe > MAX_DEDUPE {
            return Err(SettingsError::LongDedupe);
        }
        Ok(())
    }

    /// Milliseconds that a key is remembered.
    pub(crate) fn dedupe_millis(&self) -> u64 {
        millis(self.dedupe)
    }

    /// The time before which events are too old, at `now`.
    pub(crate) fn oldest_time(&self, now: u64) -> Option<u64> {
        self.max_age.map(|age| now.saturating_sub(millis(age)))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_keep_nothing_are_refused() {
        let good = LogSettings::default();
        assert_eq!(good.check(), Ok(()));
        let wrong = [
            (
                LogSettings {
                    max_events: Some(0),
                    ..good.clone()
                },
                SettingsError::NoEvents,
            ),
            (
                LogSettings {
                    max_bytes: MIN_LOG_BYTES - 1,
                    ..good.clone()
                },
                SettingsError::FewBytes(MIN_LOG_BYTES - 1),
            ),
            (
                LogSettings {
                    max_age: Some(Duration::ZERO),
                    ..good.clone()
                },
                SettingsError::NoAge,
            ),
            (
                LogSettings {
                    dedupe: MAX_DEDUPE + Duration::from_millis(1),
                    ..good
                },
                SettingsError::LongDedupe,
            ),
        ];
        for (settings, error) in wrong {
            assert_eq!(settings.check(), Err(error));
        }
    }
}
