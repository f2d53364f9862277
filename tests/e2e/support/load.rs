//! Distributed events that are counted, so that it shows what is missing, comes
//! twice or comes in another order.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::Api;
use super::collected::Collected;

/// Most bytes of events that are published with one request.
const BATCH_BYTES: usize = 4 << 20;

/// Most events that are published and not yet seen to arrive: fewer than wait for
/// a stream.
const AHEAD: u64 = 500;

/// Publishes events on one node, one after the other, numbered from 0.
pub struct Load {
    api: Api,
    event_type: String,
    source: String,
    next: u64,
    /// What each event carries.
    bytes: usize,
    /// Every so many events one has the subject `marked`.
    marked: Option<u64>,
}

impl Load {
    /// Nothing is published yet. Publishers are told apart by their names.
    pub fn new(api: &Api, name: &str, event_type: &str) -> Self {
        Self {
            api: api.clone(),
            event_type: event_type.to_owned(),
            source: format!("/load/{name}"),
            next: 0,
            bytes: 10,
            marked: None,
        }
    }

    /// With so many bytes in each event, and the subject `marked` for one of
    /// `marked` events.
    pub fn large(mut self, bytes: usize, marked: u64) -> Self {
        self.bytes = bytes;
        self.marked = Some(marked);
        self
    }

    /// How many events were published.
    pub fn published(&self) -> u64 {
        self.next
    }

    /// Publishes so many events.
    pub async fn publish(&mut self, count: u64) {
        let at_once = (BATCH_BYTES / self.bytes).min(500) as u64;
        let end = self.next + count;
        while self.next < end {
            let batch = self.next..end.min(self.next + at_once);
            self.next = batch.end;
            let events: Vec<Value> = batch.map(|number| self.event(number)).collect();
            self.api.publish_all(events).await;
        }
    }

    /// Publishes so many events, not much faster than they arrive: those of others
    /// that arrive there too do not count.
    pub async fn publish_paced(&mut self, count: u64, arriving: &Collected) {
        let (begun, end) = (self.next, self.next + count);
        let source = self.source.clone();
        let own = |events: &[Value]| {
            let own = events.iter().filter(|event| event["source"] == *source);
            own.count() as u64
        };
        let before = own(&arriving.so_far());
        while self.next < end {
            self.publish((end - self.next).min(50)).await;
            let awaited = before + (self.next - begun).saturating_sub(AHEAD);
            arriving.until(|events| own(events) >= awaited).await;
        }
    }

    fn event(&self, number: u64) -> Value {
        let mut event = json!({
            "specversion": "1.0",
            "id": number.to_string(),
            "source": self.source,
            "type": self.event_type,
            "distributed": true,
            "data": "x".repeat(self.bytes),
        });
        if self
            .marked
            .is_some_and(|marked| number.is_multiple_of(marked))
        {
            event["subject"] = "marked".into();
        }
        event
    }
}

/// The numbers of the events that came, by their publishers.
pub fn numbers(events: &[Value]) -> BTreeMap<String, Vec<u64>> {
    let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for event in events {
        let source = event["source"].as_str().expect("a source");
        let Some(name) = source.strip_prefix("/load/") else {
            continue;
        };
        let number = event["id"].as_str().and_then(|id| id.parse().ok());
        let number = number.expect("the id is a number");
        numbers.entry(name.to_owned()).or_default().push(number);
    }
    numbers
}

/// What [`numbers`] gives when all of these events came, once and in order.
pub fn all<const N: usize>(published: [(&str, u64); N]) -> BTreeMap<String, Vec<u64>> {
    let all = published.map(|(name, count)| (name.to_owned(), (0..count).collect()));
    BTreeMap::from(all)
}

/// Checks that no event came twice or before an earlier one.
pub fn assert_in_order(events: &[Value]) {
    for (name, numbers) in numbers(events) {
        for pair in numbers.windows(2) {
            assert!(pair[0] < pair[1], "{name}: {pair:?} in {numbers:?}");
        }
    }
}
