//! The listener that is measured: it touches what it gets, and for timed events
//! keeps how long each took from `publish` to here.

#![cfg(target_family = "wasm")]

use std::hint::black_box;
use std::time::{SystemTime, UNIX_EPOCH};

use hearken_sdk::{Event, OutgoingEvent, SendError, send};

/// Nanoseconds from `publish` to the handler, in order of arrival.
#[derive(Default)]
struct Measured {
    latencies: Vec<u64>,
}

#[hearken_sdk::listeners]
impl Measured {
    #[listener("custom.bench.count*")]
    fn count(&mut self, event: &Event) {
        black_box(event.data_bytes().first());
    }

    /// The first eight bytes of the data are the time of publishing, in
    /// nanoseconds since the Unix epoch.
    #[listener("custom.bench.timed")]
    #[expect(
        clippy::disallowed_methods,
        reason = "only the wall clock is the same inside and outside"
    )]
    fn timed(&mut self, event: &Event) {
        let published = event
            .data_bytes()
            .first_chunk()
            .map(|bytes| u64::from_le_bytes(*bytes));
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.latencies
            .push(now.saturating_sub(published.unwrap_or(now)));
    }

    /// Sends percentiles in nanoseconds, and forgets.
    #[listener("custom.bench.report")]
    fn report(&mut self, _event: &Event) -> Result<(), SendError> {
        let mut latencies = std::mem::take(&mut self.latencies);
        latencies.sort_unstable();
        let at = |share: f64| {
            let index = (latencies.len() as f64 * share) as usize;
            latencies
                .get(index.min(latencies.len().saturating_sub(1)))
                .copied()
                .unwrap_or(0)
        };
        let report = serde_json::json!({
            "events": latencies.len(),
            "p50": at(0.5), "p99": at(0.99), "p999": at(0.999),
        });
        send(OutgoingEvent::new("bench.reported").json(&report)).map(|_| ())
    }
}
