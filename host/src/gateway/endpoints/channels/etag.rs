//! The state of a channel as an entity tag (RFC 9110, section 8.8.3): `"EPOCH-LAST"`.

use axum::http::HeaderValue;
use hearken_channel_log::Epoch;

/// The tag of a channel whose last event has this number.
pub(super) fn etag(epoch: Epoch, last: u64) -> HeaderValue {
    let text = format!("\"{epoch}-{last}\"");
    HeaderValue::try_from(text).expect("digits, a dash and quotes")
}
