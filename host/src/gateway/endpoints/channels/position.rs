//! Positions, numbers and amounts in queries.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use hearken_channel_log::Epoch;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::gateway::query::{Parameters, QueryError};

/// Most events of one answer.
pub(super) const MAX_LIMIT: usize = 1000;

/// Longest that a read waits for an event.
pub(super) const LONGEST_READ_WAIT: Duration = Duration::from_secs(60);

/// A position in a channel, perhaps with the log that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) epoch: Option<Epoch>,
    pub(super) number: u64,
}

/// A text is no position.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is no position; write the number of an event, e.g. `41`, or an epoch and a number, e.g. `00f1e2d3c4b5a697-41`"
)]
pub(super) struct NoPosition(String);

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let wrong = || NoPosition(text.to_owned());
        let (epoch, number) = match text.split_once('-') {
            None => (None, text),
            Some((epoch, number)) => (Some(epoch.parse().map_err(|_| wrong())?), number),
        };
        Ok(Self {
            epoch,
            number: digits(number).ok_or_else(wrong)?,
        })
    }
}

/// In a body a number, or the text of a position.
impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InBody)
    }
}

/// Reads a position in a body.
struct InBody;

impl Visitor<'_> for InBody {
    type Value = Position;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the number of an event, or a text with an epoch and a number")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Position, E> {
        Ok(Position {
            epoch: None,
            number,
        })
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Position, E> {
        text.parse().map_err(E::custom)
    }
}

/// The number of nothing but digits.
fn digits(text: &str) -> Option<u64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| all)
}

fn invalid(name: &'static str, reason: String) -> QueryError {
    QueryError::Invalid { name, reason }
}

/// The position that a parameter has.
pub(super) fn position(
    parameters: &Parameters,
    name: &'static str,
) -> Result<Option<Position>, QueryError> {
    let text = parameters.get_filled(name);
    let read = text.map(str::parse);
    read.transpose()
        .map_err(|error: NoPosition| invalid(name, error.to_string()))
}

/// The number that a parameter has.
pub(super) fn number(
    parameters: &Parameters,
    name: &'static str,
) -> Result<Option<u64>, QueryError> {
    let Some(text) = parameters.get_filled(name) else {
        return Ok(None);
    };
    let number = digits(text);
    number.map(Some).ok_or_else(|| {
        invalid(
            name,
            format!("{text:?} is no number of an event, e.g. `41`"),
        )
    })
}

/// How many are asked for, from 1 to [`MAX_LIMIT`].
pub(super) fn limit(parameters: &Parameters, default: usize) -> Result<usize, QueryError> {
    let Some(text) = parameters.get_filled("limit") else {
        return Ok(default);
    };
    let limit = text.parse().ok();
    let limit = limit.filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| {
        invalid(
            "limit",
            format!("{text:?} is not a whole number from 1 to {MAX_LIMIT}"),
        )
    })
}

/// How long is waited, 0 unless told.
pub(super) fn wait(parameters: &Parameters) -> Result<Duration, QueryError> {
    let Some(text) = parameters.get_filled("wait") else {
        return Ok(Duration::ZERO);
    };
    let wait = humantime::parse_duration(text)
        .map_err(|error| invalid("wait", format!("{text:?}: {error}; write e.g. `30s`")))?;
    if wait > LONGEST_READ_WAIT {
        let longest = humantime::format_duration(LONGEST_READ_WAIT);
        let reason = format!("{text:?} is longer than {longest}");
        return Err(invalid("wait", reason));
    }
    Ok(wait)
}

/// The time since which is read, in milliseconds since the Unix epoch.
pub(super) fn since(parameters: &Parameters) -> Result<Option<u64>, QueryError> {
    let Some(text) = parameters.get_filled("since") else {
        return Ok(None);
    };
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        invalid(
            "since",
            format!("{text:?} is not a time of RFC 3339 such as 2026-01-31T12:00:00Z"),
        )
    })?;
    let millis = time.unix_timestamp_nanos() / 1_000_000;
    // What is before 1970 is before everything.
    Ok(Some(u64::try_from(millis).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_bodies_they_are_numbers_or_texts() {
        let read = |json: &str| serde_json::from_str::<Position>(json).ok();
        assert_eq!(read("41"), "41".parse().ok());
        let text = "00000000000000ff-7";
        assert_eq!(read(&format!("\"{text}\"")), text.parse().ok());
        for wrong in ["-1", "1.5", "null", "\"x\"", "[1]"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn positions_are_numbers_with_or_without_an_epoch() {
        let read = |text: &str| text.parse::<Position>().ok();
        assert_eq!(
            read("41"),
            Some(Position {
                epoch: None,
                number: 41
            })
        );
        assert_eq!(
            read("00000000000000ff-0"),
            Some(Position {
                epoch: Some(Epoch::new(255)),
                number: 0
            })
        );
        for text in [
            "",
            "-",
            "+1",
            "-1",
            "1-",
            "ff-1",
            "00000000000000ff-",
            "1.0",
            "99999999999999999999",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
