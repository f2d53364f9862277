//! Counts the events of each subject in a sliding window and raises an alarm, once,
//! when there are more than a limit.

mod window;

use std::num::NonZeroUsize;
use std::time::Duration;

use hearken_sdk::{Event, OutgoingEvent, SendError, config, send};
use lru::LruCache;
use serde::Serialize;

use window::Window;

/// Type of the alarm, as it is delivered.
const ALARM: &str = "custom.rate.alarm";

/// Subjects watched at a time; the one that was quiet the longest makes room.
const MAX_SUBJECTS: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");

/// Largest `limit`: with [`MAX_SUBJECTS`] it bounds the memory to some 16 MiB.
const MAX_LIMIT: usize = 1000;

const DEFAULT_LIMIT: usize = 100;
const DEFAULT_WINDOW_SECONDS: u64 = 60;

#[derive(Debug, thiserror::Error)]
enum AlarmError {
    #[error("the configuration value `limit` is {0}; it may be 1 to {MAX_LIMIT}")]
    Limit(usize),
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    #[error(transparent)]
    Send(#[from] SendError),
}

/// Data of the alarm; its subject is the one with too many events.
#[derive(Serialize)]
struct Alarm<'a> {
    limit: usize,
    window_seconds: u64,
    /// The event that crossed the limit.
    event: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
}

struct RateAlarm {
    windows: LruCache<String, Window>,
}

impl Default for RateAlarm {
    fn default() -> Self {
        Self {
            windows: LruCache::new(MAX_SUBJECTS),
        }
    }
}

#[hearken_sdk::listeners]
impl RateAlarm {
    #[listener("custom.*")]
    fn count(&mut self, event: &Event) -> Result<(), AlarmError> {
        // Alarms keep the subject, and would raise the next alarm.
        let Some(subject) = event.subject().filter(|_| event.event_type() != ALARM) else {
            return Ok(());
        };
        let limit = config::parse("limit")?.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(AlarmError::Limit(limit));
        }
        let window_seconds = config::parse("window_seconds")?.unwrap_or(DEFAULT_WINDOW_SECONDS);
        let length = Duration::from_secs(window_seconds);
        let window = self
            .windows
            .get_or_insert_mut(subject.to_owned(), Window::default);
        if window.crosses(event.recorded_time(), limit, length) {
            let alarm = Alarm {
                limit,
                window_seconds,
                event: event.id(),
                event_type: event.event_type(),
            };
            send(OutgoingEvent::new(ALARM).subject(subject).json(&alarm))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hearken_sdk::testing::{self, Host};

    use super::*;

    fn at(subject: &str, second: u64) -> Event {
        testing::event("custom.login.failed")
            .subject(subject)
            .time(Duration::from_secs(second))
            .build()
    }

    fn host() -> Host {
        Host::new()
            .config("limit", "2")
            .config("window_seconds", "10")
    }

    #[test]
    fn each_crossing_raises_one_alarm() {
        let host = host();
        let mut alarm = RateAlarm::default();
        let mut alarms_after = |second| {
            alarm.count(&at("ann", second)).unwrap();
            host.sent().len()
        };
        assert_eq!(
            [0, 1].map(&mut alarms_after),
            [0, 0],
            "the limit is allowed"
        );
        assert_eq!([2, 3, 4].map(&mut alarms_after), [1, 1, 1]);
        assert_eq!([20, 21].map(&mut alarms_after), [1, 1], "quiet again");
        assert_eq!(alarms_after(22), 2, "a second crossing");
        let sent = &host.sent()[0];
        assert_eq!(sent.event_type(), ALARM);
        assert_eq!(sent.subject(), Some("ann"));
    }

    #[test]
    fn subjects_are_counted_apart_and_alarms_not_at_all() {
        let host = host();
        let mut alarm = RateAlarm::default();
        for subject in ["ann", "bob", "ann", "bob"] {
            alarm.count(&at(subject, 1)).unwrap();
        }
        for _ in 0..3 {
            alarm
                .count(&testing::event(ALARM).subject("ann").build())
                .unwrap();
            alarm.count(&testing::event("custom.x").build()).unwrap();
        }
        assert!(host.sent().is_empty());
    }

    #[test]
    fn a_limit_out_of_range_is_an_error() {
        let _host = Host::new().config("limit", "0");
        let error = RateAlarm::default().count(&at("ann", 1)).unwrap_err();
        assert!(error.to_string().contains("`limit` is 0"), "{error}");
    }
}
