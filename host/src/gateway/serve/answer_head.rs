//! Writes the head of an answer over HTTP/1.1, where hyper does not.

use axum::http::response::Parts;
use axum::http::{HeaderValue, header};
use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

/// How a date is written in the head of an answer (RFC 9110, section 5.6.7).
const DATE: StaticFormatDescription = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// The head as it is sent, with the date; `now_millis` is the time of day in milliseconds since
/// the Unix epoch. Takes the head, so that what goes on for long does not keep what is in there.
pub(super) fn answer_head(head: Parts, now_millis: u64) -> Vec<u8> {
    let status = head.status;
    let reason = status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
    let mut line = |name: &str, value: &[u8]| {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    };
    for (name, value) in &head.headers {
        line(name.as_str(), value.as_bytes());
    }
    if let Some(date) = date(now_millis) {
        line(header::DATE.as_str(), date.as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn date(now_millis: u64) -> Option<HeaderValue> {
    let seconds = i64::try_from(now_millis / 1000).ok()?;
    let now = OffsetDateTime::from_unix_timestamp(seconds).ok()?;
    HeaderValue::try_from(now.format(DATE).ok()?).ok()
}
