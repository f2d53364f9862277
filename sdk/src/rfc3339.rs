//! Times as producers write them: RFC 3339.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Reads a time. What the system's clock cannot tell counts as the next that it can:
/// within a component there is nothing before 1970.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let nanoseconds = u128::try_from(time.unix_timestamp_nanos()).unwrap_or(0);
    let seconds = u64::try_from(nanoseconds / 1_000_000_000).ok()?;
    // Below a second, and so in range.
    let rest = (nanoseconds % 1_000_000_000) as u32;
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, rest))
}

/// Writes a time; `None` for one before 1970 or after the year 9999.
pub(crate) fn format(time: SystemTime) -> Option<String> {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let nanoseconds = i128::try_from(since_epoch.as_nanos()).ok()?;
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()?;
    time.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_epoch(nanoseconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds)
    }

    #[test]
    fn times_are_read_as_producers_write_them() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(after_epoch(0))),
            ("1970-01-01t00:00:01.5z", Some(after_epoch(1_500_000_000))),
            ("1970-01-01T02:00:00+02:00", Some(after_epoch(0))),
            ("1970-01-01T00:00:00.000000001-00:00", Some(after_epoch(1))),
            ("0001-01-01T00:00:00Z", Some(after_epoch(0))),
            ("1970-13-01T00:00:00Z", None),
            ("1970-01-01", None),
            ("", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert!(parse("9999-12-31T23:59:59.999999999Z").is_some());
    }

    #[test]
    fn what_is_written_reads_back() {
        for nanoseconds in [0, 1, 1_500_000_000, 1_700_000_000_123_456_789] {
            let time = after_epoch(nanoseconds);
            let text = format(time).expect("in range");
            assert_eq!(parse(&text), Some(time), "{text}");
        }
        let too_late = SystemTime::UNIX_EPOCH + Duration::from_secs(300_000_000_000);
        assert_eq!(format(too_late), None);
    }
}
