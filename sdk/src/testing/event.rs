//! Events for tests.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::Event;
use crate::event::Attributes;

/// Builds an [`Event`]; see [`event()`](fn@event).
#[derive(Debug)]
#[must_use = "call `build` for the event"]
pub struct EventBuilder(Attributes);

/// Begins an event of exactly this type (remember the `custom.` of events that
/// plugins and clients publish), published on this node in 1970, without data.
pub fn event(event_type: impl Into<String>) -> EventBuilder {
    EventBuilder(Attributes {
        id: "1".to_owned(),
        source: "/nodes/test/clients/test".to_owned(),
        event_type: event_type.into(),
        datacontenttype: "application/json".to_owned(),
        origin: "test".to_owned(),
        localorigin: true,
        ..Attributes::default()
    })
}

impl EventBuilder {
    /// The event.
    #[must_use]
    pub fn build(self) -> Event {
        Event::new(self.0)
    }

    /// Sets the id, which is `1` otherwise.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.0.id = id.into();
        self
    }

    /// Sets the publisher.
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.0.source = source.into();
        self
    }

    /// Sets the subject.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.0.subject = Some(subject.into());
        self
    }

    /// Sets when the event was recorded, and so when it happened unless there is a
    /// [`producer_time`](Self::producer_time): this long after the Unix epoch, to the
    /// millisecond.
    pub fn time(mut self, since_epoch: Duration) -> Self {
        self.0.recorded_time = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// As [`time`](Self::time), with a time; before 1970 counts as 1970.
    pub fn at(self, time: SystemTime) -> Self {
        self.time(
            time.duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        )
    }

    /// Sets when it happened in the words of its producer, RFC 3339.
    pub fn producer_time(mut self, time: impl Into<String>) -> Self {
        self.0.time = Some(time.into());
        self
    }

    /// Sets the data to `value` as JSON.
    ///
    /// # Panics
    /// If `value` cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        let data = serde_json::to_vec(value).expect("a test's data can be written as JSON");
        self.bytes("application/json", data)
    }

    /// Sets the data to `data` as it stands, of this media type.
    pub fn bytes(mut self, datacontenttype: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        self.0.datacontenttype = datacontenttype.into();
        self.0.data = data.into();
        self
    }

    /// Marks the event as sent to every node.
    pub fn distributed(mut self) -> Self {
        self.0.distributed = true;
        self
    }

    /// Lets the event come from the node `origin` instead of this one.
    pub fn from_node(mut self, origin: impl Into<String>) -> Self {
        self.0.origin = origin.into();
        self.0.localorigin = false;
        self
    }

    /// Puts the event at position `sequence` of the durable channel `channel`.
    pub fn channel(mut self, channel: impl Into<String>, sequence: u64) -> Self {
        self.0.channel = Some(channel.into());
        self.0.sequence = Some(sequence);
        self
    }

    /// Adds an extension attribute.
    pub fn extension(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.extensions.push((name.into(), value.into()));
        self
    }
}
