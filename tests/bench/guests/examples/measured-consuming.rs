//! The listener on a channel that is measured, written with the SDK: it touches what it
//! gets, and keeps how long each event took from when it was sent to here.

#![cfg(target_family = "wasm")]

use hearken_bench_guests::clock;
use hearken_sdk::{Event, OutgoingEvent, SendError, send};

/// Digits of the time at which an event was sent, behind the quote with which its data begins.
const DIGITS: std::ops::Range<usize> = 1..21;

/// Nanoseconds from sent to handled.
#[derive(Default)]
struct Consuming {
    latencies: Vec<u64>,
}

#[hearken_sdk::listeners]
impl Consuming {
    #[listener("custom.bench.appended", channel = "bench-0")]
    fn consume(&mut self, event: &Event) {
        let sent = event.data_bytes().get(DIGITS).unwrap_or_default();
        let sent = std::str::from_utf8(sent).unwrap_or_default();
        let sent: u64 = sent.parse().unwrap_or_default();
        self.latencies.push(clock::now().saturating_sub(sent));
    }

    /// Stores percentiles in nanoseconds, and forgets.
    #[listener("custom.bench.report")]
    fn report(&mut self, _event: &Event) -> Result<(), SendError> {
        let mut latencies = std::mem::take(&mut self.latencies);
        latencies.sort_unstable();
        let at = |share: f64| {
            let index = (latencies.len() as f64 * share) as usize;
            let last = latencies.len().saturating_sub(1);
            latencies.get(index.min(last)).copied().unwrap_or(0)
        };
        let report = serde_json::json!({
            "events": latencies.len(), "p50": at(0.5), "p99": at(0.99),
        });
        let event = OutgoingEvent::new("bench.reported").json(&report);
        send(event.channel("bench-report")).map(|_| ())
    }
}
