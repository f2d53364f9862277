//! How long the next attempt with an event is waited for.

use std::time::Duration;

use super::settings::ConsumeSettings;

/// Doublings after which any backoff is longer than any bound.
const MOST_DOUBLINGS: u32 = 40;

/// How long it is after the attempt with this number, from 1, failed: twice as long as after
/// the one before, and up to a fifth more by chance, so that events that failed together do
/// not come back together. `random` is any number.
pub(super) fn delay(settings: &ConsumeSettings, attempt: u32, random: u64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(MOST_DOUBLINGS);
    let factor = 1_u64 << doublings;
    let delay = u32::try_from(factor)
        .ok()
        .and_then(|factor| settings.backoff.checked_mul(factor))
        .unwrap_or(settings.max_backoff)
        .min(settings.max_backoff);
    let share = u32::try_from(random % 1000).unwrap_or_default();
    let more = (delay / 5).saturating_mul(share) / 1000;
    delay.saturating_add(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_twice_as_long_up_to_the_bound() {
        let settings = ConsumeSettings {
            backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            ..ConsumeSettings::default()
        };
        let delays = [1, 2, 3, 4, 5, 1000, u32::MAX].map(|attempt| delay(&settings, attempt, 0));
        let expected = [100, 200, 400, 800, 1000, 1000, 1000].map(Duration::from_millis);
        assert_eq!(delays, expected);
    }

    #[test]
    fn chance_adds_up_to_a_fifth() {
        let settings = ConsumeSettings::default();
        let delays = (0..1000).map(|random| delay(&settings, 1, random));
        let (least, most) = (Duration::from_secs(1), Duration::from_millis(1200));
        assert!(delays.clone().all(|delay| delay >= least && delay < most));
        assert!(delays.max() > Some(Duration::from_millis(1190)));
        let huge = ConsumeSettings {
            backoff: Duration::MAX,
            max_backoff: Duration::MAX,
            ..settings
        };
        assert_eq!(delay(&huge, 3, 999), Duration::MAX);
    }
}
