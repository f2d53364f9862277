//! The event that a listener is given.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hearken_wire::frame::Delivery;
use hearken_wire::{EventRef, ExtensionKind, Fields};
use serde::de::DeserializeOwned;

use crate::rfc3339;

/// One event, with the attributes of CloudEvents 1.0.
///
/// A listener that takes `&Event` reads it where the host put it, together with the
/// events that came along; nothing is copied or decoded that it does not ask for.
/// An `Event` of one's own has bytes of its own, so that keeping it keeps nothing
/// else: the first clone copies the event, further ones are cheap.
pub struct Event {
    /// Holds the event, alone or in a frame with others.
    buffer: Arc<Vec<u8>>,
    delivery: Delivery,
}

/// What an event consists of, as it arrives.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub id: String,
    pub source: String,
    pub event_type: String,
    pub subject: Option<String>,
    /// When it happened, in RFC 3339, if its producer said so.
    pub time: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub recorded_time: u64,
    pub datacontenttype: String,
    pub data: Vec<u8>,
    pub distributed: bool,
    pub origin: String,
    pub localorigin: bool,
    pub channel: Option<String>,
    pub sequence: Option<u64>,
    pub traceparent: Option<String>,
    pub tracestate: Option<String>,
    pub extensions: Vec<(String, String)>,
}

/// The data of an event is not what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("the data of event {id} (`{event_type}`) does not fit: {reason}")]
pub struct DataError {
    id: String,
    event_type: String,
    #[source]
    reason: serde_json::Error,
}

impl Event {
    pub(crate) fn new(attributes: Attributes) -> Self {
        let fields = Fields {
            event_type: &attributes.event_type,
            id: [&attributes.id, ""],
            source: &attributes.source,
            subject: attributes.subject.as_deref(),
            recorded_time: attributes.recorded_time,
            producer_time: attributes.time.as_deref(),
            datacontenttype: &attributes.datacontenttype,
            data: Some(attributes.data.as_slice()).filter(|data| !data.is_empty()),
            distributed: attributes.distributed,
            origin: &attributes.origin,
            channel: attributes.channel.as_deref(),
            sequence: attributes.sequence,
            traceparent: attributes.traceparent.as_deref(),
            tracestate: attributes.tracestate.as_deref(),
        };
        let extensions = attributes.extensions.iter();
        let extensions =
            extensions.map(|(name, value)| (name.as_str(), ExtensionKind::String, value));
        let mut bytes = Vec::new();
        hearken_wire::encode(&fields, extensions, &mut bytes);
        let delivery = Delivery {
            event: 0..0,
            local: attributes.localorigin,
            channel: false,
            retry: false,
        };
        Self::alone(bytes, delivery)
    }

    /// The event that these bytes are, delivered like another.
    fn alone(bytes: Vec<u8>, delivery: Delivery) -> Self {
        let delivery = Delivery {
            event: 0..bytes.len(),
            ..delivery
        };
        Self::delivered(Arc::new(bytes), delivery)
    }

    /// The event of a delivery in a frame.
    pub(crate) fn delivered(frame: Arc<Vec<u8>>, delivery: Delivery) -> Self {
        Self {
            buffer: frame,
            delivery,
        }
    }

    /// The same as its channel delivers it.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn consumed(mut self, retry: bool) -> Self {
        self.delivery.channel = true;
        self.delivery.retry = retry;
        self
    }

    fn packed(&self) -> EventRef<'_> {
        let bytes = self.buffer.get(self.delivery.event.clone());
        EventRef::assume_encoded(bytes.unwrap_or_default())
    }

    /// Unique for each [`source`](Self::source).
    #[must_use]
    pub fn id(&self) -> &str {
        self.packed().id()
    }

    /// URI reference of the publisher, e.g. `/nodes/a/plugins/cart`.
    #[must_use]
    pub fn source(&self) -> &str {
        self.packed().source()
    }

    /// Dotted name, e.g. `custom.cart.added`.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.packed().event_type()
    }

    /// The thing that the event is about.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.packed().subject()
    }

    /// When it happened, as its producer says; when it was
    /// [recorded](Self::recorded_time) if the producer says nothing.
    ///
    /// It is the producer's word: whoever measures how many events come in a time goes by
    /// [`recorded_time`](Self::recorded_time). A time before 1970 reads as 1970.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        let told = self.producer_time().map(rfc3339::parse);
        told.flatten().unwrap_or_else(|| self.recorded_time())
    }

    /// When it happened in the words of its producer, RFC 3339; `None` when it was
    /// published without a time.
    #[must_use]
    pub fn producer_time(&self) -> Option<&str> {
        self.packed().producer_time()
    }

    /// When the node of origin took the event, to the millisecond.
    #[must_use]
    pub fn recorded_time(&self) -> SystemTime {
        let since_epoch = Duration::from_millis(self.packed().recorded_time());
        let time = SystemTime::UNIX_EPOCH.checked_add(since_epoch);
        time.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Media type of the data.
    #[must_use]
    pub fn datacontenttype(&self) -> &str {
        self.packed().datacontenttype()
    }

    /// The payload as it was published; empty when the event has none.
    #[must_use]
    pub fn data_bytes(&self) -> &[u8] {
        self.packed().data().unwrap_or_default()
    }

    /// The payload read as JSON. An event without data reads as `null`.
    ///
    /// A listener with a second parameter is given its data in this way.
    ///
    /// # Errors
    /// [`DataError`] names the event and says where the data does not fit `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        let data = match self.data_bytes() {
            [] => b"null".as_slice(),
            data => data,
        };
        serde_json::from_slice(data).map_err(|reason| DataError {
            id: self.id().to_owned(),
            event_type: self.event_type().to_owned(),
            reason,
        })
    }

    /// Whether the event is sent to every node of the cluster.
    #[must_use]
    pub fn is_distributed(&self) -> bool {
        self.packed().distributed()
    }

    /// Name of the node where the event was published.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.packed().origin()
    }

    /// Whether the event was published on the node where this plugin runs.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.delivery.local
    }

    /// Name of the durable channel that the event belongs to.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        self.packed().channel()
    }

    /// Position within the [`channel`](Self::channel), from 1.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        self.packed().sequence()
    }

    /// Whether the event is delivered as it was published, at most once, and not by its
    /// channel.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !self.delivery.channel
    }

    /// Whether its channel delivers the event not for the first time.
    #[must_use]
    pub fn is_retry(&self) -> bool {
        self.delivery.retry
    }

    /// W3C trace context of the event.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.packed().traceparent()
    }

    /// W3C trace context of the event.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.packed().tracestate()
    }

    /// Any other CloudEvents extension attribute, in canonical string form.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// All other CloudEvents extension attributes: names and values.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &str)> {
        let extensions = self.packed().extensions();
        extensions.map(|(name, _, value)| (name, value))
    }

    /// The type that an answer is to be sent to (the extension `replyto`).
    #[must_use]
    pub fn reply_to(&self) -> Option<&str> {
        self.extension("replyto")
    }
}

impl Clone for Event {
    fn clone(&self) -> Self {
        if self.delivery.event.len() == self.buffer.len() {
            return Self::delivered(Arc::clone(&self.buffer), self.delivery.clone());
        }
        Self::alone(self.packed().as_bytes().to_vec(), self.delivery.clone())
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.packed() == other.packed() && self.delivery.local == other.delivery.local
    }
}

impl Eq for Event {}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id())
            .field("source", &self.source())
            .field("type", &self.event_type())
            .field("subject", &self.subject())
            .field("data", &String::from_utf8_lossy(self.data_bytes()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use hearken_wire::frame::{self, Deliveries};

    use super::*;
    use crate::testing;

    fn frame(events: &[Event]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for event in events {
            frame::push(&mut bytes, event.packed(), event.is_local());
        }
        bytes
    }

    #[test]
    fn an_event_happened_when_its_producer_says_and_otherwise_when_it_was_recorded() {
        let recorded = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
        let event = testing::event("custom.a").at(recorded).build();
        assert_eq!((event.time(), event.producer_time()), (recorded, None));

        let happened = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_000_000_001);
        let told = "1970-01-01T01:00:01.000000001+01:00";
        let event = testing::event("custom.a").at(recorded);
        let event = event.producer_time(told).build();
        assert_eq!(event.time(), happened);
        assert_eq!(event.recorded_time(), recorded);
        assert_eq!(event.producer_time(), Some(told));
        assert_eq!(event.extensions().count(), 0);
    }

    #[test]
    fn a_clone_of_an_event_in_a_frame_keeps_the_event_alone() {
        let events = [
            testing::event("custom.a").subject("s").build(),
            testing::event("custom.b").json(&7).from_node("b").build(),
        ];
        let frame = Arc::new(frame(&events));
        let delivered: Vec<Event> = Deliveries::new(&frame)
            .map(|delivery| Event::delivered(Arc::clone(&frame), delivery.unwrap()))
            .collect();
        assert_eq!(delivered, events);

        let kept = delivered[1].clone();
        let weak = Arc::downgrade(&frame);
        drop((delivered, frame));
        assert!(weak.upgrade().is_none(), "the frame is gone");
        assert_eq!(kept, events[1]);
        assert_eq!(kept.json::<u8>().unwrap(), 7);
    }
}
