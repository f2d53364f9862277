//! Keeps an audit line for each event: in the host's log, and the last ones in the
//! key-value bucket `audit`.

use std::time::SystemTime;

use hearken_sdk::keyvalue::{Bucket, KeyValueError};
use hearken_sdk::{Event, config, log};
use serde::{Deserialize, Serialize};

/// Lines kept in the bucket unless `keep` says otherwise.
const DEFAULT_KEEP: u64 = 100;

/// What is kept of an event: who did what to what, and when.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    /// Milliseconds since the Unix epoch.
    time: u128,
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    source: String,
    subject: Option<String>,
}

#[derive(Debug, thiserror::Error)]
enum AuditError {
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    #[error(transparent)]
    Store(#[from] KeyValueError),
}

// Not `*`: each line written is a `record.*` event of its own.
#[hearken_sdk::listener("custom.*", "plugin.*")]
fn audit(event: &Event) -> Result<(), AuditError> {
    let line = Line::of(event);
    log::info(format_args!(
        "{} {} by {} ({})",
        line.event_type,
        line.subject.as_deref().unwrap_or("-"),
        line.source,
        line.id
    ));
    let keep = config::parse("keep")?.unwrap_or(DEFAULT_KEEP);
    if keep > 0 {
        let bucket = Bucket::open("audit")?;
        // A ring: line n overwrites line n - keep.
        let number = bucket.increment("written", 1)? - 1;
        bucket.set_json(&format!("line-{:06}", number % keep), &line)?;
    }
    Ok(())
}

impl Line {
    fn of(event: &Event) -> Self {
        let time = event.recorded_time().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            time: time.unwrap_or_default().as_millis(),
            id: event.id().to_owned(),
            event_type: event.event_type().to_owned(),
            source: event.source().to_owned(),
            subject: event.subject().map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use hearken_sdk::testing::{self, Host};

    use super::*;

    fn order(id: &str) -> Event {
        testing::event("custom.order.paid")
            .id(id)
            .subject("order-7")
            .build()
    }

    #[test]
    fn each_event_is_logged_and_the_last_ones_kept() {
        let host = Host::new().config("keep", "2");
        for id in ["a", "b", "c"] {
            audit(&order(id)).unwrap();
        }
        assert_eq!(host.logged().len(), 3);
        assert!(host.logged()[0].1.contains("custom.order.paid order-7 by"));
        let bucket = Bucket::open("audit").unwrap();
        let kept = |key: &str| bucket.get_json::<Line>(key).unwrap();
        assert_eq!(kept("line-000000"), Some(Line::of(&order("c"))));
        assert_eq!(kept("line-000001"), Some(Line::of(&order("b"))));
        assert_eq!(kept("line-000002"), None);
    }

    #[test]
    fn its_own_records_are_not_audited() {
        let filters = testing::listeners();
        assert!(!filters.is_empty());
        for (_, filter) in filters {
            assert!(!filter.matches(&testing::event("record.updated").build()));
        }
    }

    #[test]
    fn a_bad_configuration_names_the_key() {
        let _host = Host::new().config("keep", "many");
        let error = audit(&order("a")).unwrap_err().to_string();
        assert!(error.contains("`keep`"), "{error}");
    }
}
