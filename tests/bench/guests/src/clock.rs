//! Times as the benchmarks send them: nanoseconds since the Unix epoch, in the
//! first eight bytes of an event's data.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "only the wall clock is the same inside and outside"
)]
pub fn now() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// The time that an event's data tells; 0 if it tells none.
#[must_use]
pub fn told_by(data: &[u8]) -> u64 {
    data.first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
