//! Until when something is valid.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::AccessCommandError;
use crate::clock::{Clock, SystemClock};

/// The time that it is, in seconds since the Unix epoch.
pub(super) fn now() -> u64 {
    SystemClock.now_millis() / 1000
}

/// Reads how long something is valid, or until when; what is returned is until when.
pub(super) fn expiry(given: &str) -> Result<OffsetDateTime, AccessCommandError> {
    let wrong = |problem: &str| AccessCommandError::Expires {
        given: given.to_owned(),
        problem: problem.to_owned(),
    };
    let now = i64::try_from(now()).ok();
    let now = now.and_then(|now| OffsetDateTime::from_unix_timestamp(now).ok());
    let now = now.ok_or_else(|| wrong("this machine's clock is wrong"))?;
    let until = match OffsetDateTime::parse(given, &Rfc3339) {
        Ok(until) => until,
        Err(_) => {
            let duration = humantime::parse_duration(given);
            let duration = duration.map_err(|_| wrong("it is neither a duration nor a time"))?;
            let duration = time::Duration::try_from(duration).ok();
            let until = duration.and_then(|duration| now.checked_add(duration));
            until.ok_or_else(|| wrong("it is too long"))?
        }
    };
    if until <= now {
        return Err(wrong("it is over already"));
    }
    Ok(until)
}

/// The time as the configuration has it.
pub(super) fn text(time: OffsetDateTime) -> Result<String, AccessCommandError> {
    time.format(&Rfc3339)
        .map_err(|_| AccessCommandError::Expires {
            given: time.to_string(),
            problem: "its year has not four digits".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_times_are_read() {
        let at = expiry("2999-12-31T00:00:00Z").unwrap();
        assert_eq!(text(at).unwrap(), "2999-12-31T00:00:00Z");
        let hour = expiry("1h").unwrap().unix_timestamp() - i64::try_from(now()).unwrap();
        assert!((3590..=3600).contains(&hour), "{hour}");
        for (given, told) in [
            ("tomorrow", "neither"),
            ("2001-01-01T00:00:00Z", "over"),
            ("0s", "over"),
            ("99999years", "too long"),
        ] {
            let error = expiry(given).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
