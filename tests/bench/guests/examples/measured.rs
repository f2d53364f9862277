//! The listener that is measured, written with the SDK: it touches what it gets,
//! and for timed events keeps how long each took from `publish` to here.

#![cfg(target_family = "wasm")]

use std::hint::black_box;

use hearken_bench_guests::clock;
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
        black_box((event.event_type().len(), event.data_bytes().first()));
    }

    /// The event tells when it was published.
    #[listener("custom.bench.timed")]
    fn timed(&mut self, event: &Event) {
        let published = clock::told_by(event.data_bytes());
        self.latencies.push(clock::now().saturating_sub(published));
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
