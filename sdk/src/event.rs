//! The event that a listener is given.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

/// One event, with the attributes of CloudEvents 1.0. Cloning is cheap.
#[derive(Clone, PartialEq, Eq)]
pub struct Event(Arc<Attributes>);

/// What an event consists of, as it arrives.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub id: String,
    pub source: String,
    pub event_type: String,
    pub subject: Option<String>,
    pub time: u64,
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
        Self(Arc::new(attributes))
    }

    /// Unique for each [`source`](Self::source).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// URI reference of the publisher, e.g. `/nodes/a/plugins/cart`.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Dotted name, e.g. `custom.cart.added`.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.0.event_type
    }

    /// The thing that the event is about.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// When the node of origin took the event, to the millisecond.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.0.time)
    }

    /// Media type of the data.
    #[must_use]
    pub fn datacontenttype(&self) -> &str {
        &self.0.datacontenttype
    }

    /// The payload as it was published; empty when the event has none.
    #[must_use]
    pub fn data_bytes(&self) -> &[u8] {
        &self.0.data
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
        self.0.distributed
    }

    /// Name of the node where the event was published.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// Whether the event was published on the node where this plugin runs.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.0.localorigin
    }

    /// Name of the durable channel that the event belongs to.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        self.0.channel.as_deref()
    }

    /// Position within the [`channel`](Self::channel), from 1.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        self.0.sequence
    }

    /// W3C trace context of the event.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.0.traceparent.as_deref()
    }

    /// W3C trace context of the event.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.0.tracestate.as_deref()
    }

    /// Any other CloudEvents extension attribute, in canonical string form.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// All other CloudEvents extension attributes: names and values.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .extensions
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The type that an answer is to be sent to (the extension `replyto`).
    #[must_use]
    pub fn reply_to(&self) -> Option<&str> {
        self.extension("replyto")
    }
}

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
