//! What an event says of itself in its first bytes.

use crate::{Error, clock};

/// Bytes that a stamp takes; no payload is smaller.
const STAMP: usize = 16;

/// The data of one event after the other.
pub(crate) struct Stamped {
    number: u64,
    data: Vec<u8>,
}

impl Stamped {
    pub(crate) fn new(payload: usize) -> Self {
        Self {
            number: 0,
            data: vec![b'x'; payload.max(STAMP)],
        }
    }

    /// The data of the next event, sent now.
    pub(crate) fn next(&mut self) -> &[u8] {
        self.data[..8].copy_from_slice(&self.number.to_le_bytes());
        self.data[8..STAMP].copy_from_slice(&clock::now().to_le_bytes());
        self.number += 1;
        &self.data
    }
}

/// The events that one receiver should get.
pub(crate) struct Expected {
    payload: usize,
    received: u64,
    /// Nanoseconds from sent to received, of those events that are timed.
    latencies: Vec<u64>,
}

impl Expected {
    pub(crate) fn new(payload: usize) -> Self {
        Self {
            payload: payload.max(STAMP),
            received: 0,
            latencies: Vec::new(),
        }
    }

    /// Events that have come.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Takes the next event, and how long it took if it is `timed`.
    ///
    /// # Errors
    /// Says what is wrong when it is not the next one.
    pub(crate) fn take(&mut self, data: &[u8], timed: bool) -> Result<(), Error> {
        if data.len() != self.payload {
            let (have, payload) = (data.len(), self.payload);
            return Err(format!("an event of {have} bytes came instead of {payload}").into());
        }
        let number = u64_at(data, 0);
        if number != self.received {
            let expected = self.received;
            return Err(format!("event {number} came where {expected} should have").into());
        }
        self.received += 1;
        if timed {
            self.latencies
                .push(clock::now().saturating_sub(u64_at(data, 8)));
        }
        Ok(())
    }

    /// Microseconds that this share of the timed events did not exceed.
    pub(crate) fn percentile(&mut self, share: f64) -> Option<f64> {
        self.latencies.sort_unstable();
        let index = (self.latencies.len() as f64 * share).ceil() as usize;
        let latency = self.latencies.get(index.saturating_sub(1))?;
        Some(*latency as f64 / 1e3)
    }
}

fn u64_at(data: &[u8], at: usize) -> u64 {
    let bytes = data.get(at..).and_then(|bytes| bytes.first_chunk());
    bytes.map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_events_in_order_only() {
        let mut stamped = Stamped::new(128);
        let events: Vec<Vec<u8>> = (0..4).map(|_| stamped.next().to_vec()).collect();
        let mut expected = Expected::new(128);
        assert!(expected.take(&events[0], false).is_ok());
        assert!(expected.take(&events[0], false).is_err(), "it came twice");
        assert!(expected.take(&events[2], false).is_err(), "one is missing");
        assert!(expected.take(&events[1], true).is_ok());
        assert!(expected.take(&events[2][..64], false).is_err(), "cut off");
        assert_eq!(expected.received(), 2);
        assert!(expected.percentile(0.99).is_some());
    }
}
