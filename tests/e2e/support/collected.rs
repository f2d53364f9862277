//! What a live stream gives, read as it comes.

use serde_json::Value;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::DEADLINE;

/// The events of a stream until now, and those to come.
pub struct Collected {
    events: watch::Receiver<Vec<Value>>,
    _reading: AbortOnDropHandle<()>,
}

impl Collected {
    pub(super) fn new(
        events: watch::Receiver<Vec<Value>>,
        reading: tokio::task::JoinHandle<()>,
    ) -> Self {
        Self {
            events,
            _reading: AbortOnDropHandle::new(reading),
        }
    }

    /// The events until now.
    pub fn so_far(&self) -> Vec<Value> {
        self.events.borrow().clone()
    }

    /// How many there are until now.
    pub fn count(&self) -> usize {
        self.events.borrow().len()
    }

    /// Waits until these are the events, and perhaps others.
    pub async fn until(&self, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut events = self.events.clone();
        let waiting = events.wait_for(|events| wanted(events));
        match tokio::time::timeout(DEADLINE, waiting).await {
            Ok(Ok(events)) => events.clone(),
            Ok(Err(_)) => panic!("the stream ended after {}", self.described()),
            Err(_) => panic!("that never comes, but {}", self.described()),
        }
    }

    /// Waits until there are so many.
    pub async fn until_count(&self, count: usize) -> Vec<Value> {
        self.until(|events| events.len() >= count).await
    }

    /// Waits for the first event that is wanted.
    pub async fn first(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let events = self.until(|events| events.iter().any(&wanted)).await;
        let found = events.into_iter().find(&wanted);
        found.expect("it was just there")
    }

    /// Waits for the first event of a type about a subject.
    pub async fn about(&self, event_type: &str, subject: &str) -> Value {
        self.first(|event| event["type"] == event_type && event["subject"] == subject)
            .await
    }

    fn described(&self) -> String {
        let events = self.so_far();
        let last = events.len().saturating_sub(10);
        format!("{} events, the last: {:#?}", events.len(), &events[last..])
    }
}
