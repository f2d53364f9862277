//! Publishing events.

use std::time::SystemTime;

use serde::Serialize;

use crate::channels::AppendError;
use crate::{dispatch, host, rfc3339};

/// An event to publish, built step by step and handed to [`send`].
///
/// ```
/// # use hearken_sdk::{OutgoingEvent, SendError, send};
/// # fn handler() -> Result<(), SendError> {
/// send(OutgoingEvent::new("cart.added").subject("item-7").json(&3))?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "an event is published by `send`"]
pub struct OutgoingEvent {
    pub(crate) attributes: Attributes,
    /// Kept until [`send`], so that building needs no error handling of its own.
    broken: Option<SendError>,
}

#[derive(Debug, Default)]
pub(crate) struct Attributes {
    pub event_type: String,
    pub id: Option<String>,
    pub subject: Option<String>,
    /// RFC 3339.
    pub time: Option<String>,
    pub datacontenttype: Option<String>,
    pub data: Option<Vec<u8>>,
    pub distributed: bool,
    pub channel: Option<String>,
    pub extensions: Vec<(String, String)>,
}

/// Why an event was not published.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The type, subject, an attribute or the channel is not valid.
    #[error("the event was not sent: {0}")]
    Invalid(String),
    /// The event exceeds the node's limit of so many bytes.
    #[error("the event was not sent: it is larger than the node's limit of {0} bytes")]
    TooLarge(u64),
    /// The plugin has sent more than its budget allows.
    #[error("the event was not sent: the plugin's budget is used up; try again later")]
    BudgetExceeded,
    /// The data given to [`OutgoingEvent::json`] cannot be written as JSON.
    #[error("the event was not sent: its data cannot be written as JSON: {0}")]
    Data(#[source] serde_json::Error),
    /// The channel that the event names does not take it.
    #[error(transparent)]
    Channel(#[from] AppendError),
}

impl OutgoingEvent {
    /// An event of this type, with nothing else. It is delivered under `custom.`:
    /// `cart.added` arrives as `custom.cart.added`.
    pub fn new(event_type: impl Into<String>) -> Self {
        Self {
            attributes: Attributes {
                event_type: event_type.into(),
                ..Attributes::default()
            },
            broken: None,
        }
    }

    /// Gives the event an id, unique for this plugin; otherwise the host does. What is
    /// appended to a channel with an id that it has had before, within the channel's
    /// `dedupe`, is stored once.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.attributes.id = Some(id.into());
        self
    }

    /// Names the thing that the event is about.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.attributes.subject = Some(subject.into());
        self
    }

    /// Says when it happened, if that was not just now. A time before 1970 or after the
    /// year 9999 is refused by [`send`].
    pub fn time(mut self, time: SystemTime) -> Self {
        match rfc3339::format(time) {
            Some(text) => self.attributes.time = Some(text),
            None => {
                let reason = "its time is before 1970 or after the year 9999".to_owned();
                self.broken = Some(SendError::Invalid(reason));
            }
        }
        self
    }

    /// Sets the data to `value` as JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(data) => {
                self.attributes.datacontenttype = None;
                self.attributes.data = Some(data);
            }
            Err(error) => self.broken = Some(SendError::Data(error)),
        }
        self
    }

    /// Sets the data to `data` as it stands, of this media type.
    pub fn bytes(mut self, datacontenttype: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        self.attributes.datacontenttype = Some(datacontenttype.into());
        self.attributes.data = Some(data.into());
        self
    }

    /// Sends the event to every node of the cluster.
    pub fn distributed(mut self) -> Self {
        self.attributes.distributed = true;
        self
    }

    /// Appends the event to this durable channel, which the manifest has to grant with
    /// `[allow] append`. [`channels::append`](crate::channels::append) does it too, and says
    /// more of it. If it is a channel of [sessions](mod@crate::sessions), the event is
    /// published to those that are subscribed; `[allow] sessions` grants that too.
    pub fn channel(mut self, channel: impl Into<String>) -> Self {
        self.attributes.channel = Some(channel.into());
        self
    }

    /// Adds a CloudEvents extension attribute; its name is 1 to 20 lower-case
    /// letters and digits.
    pub fn extension(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.extensions.push((name.into(), value.into()));
        self
    }

    /// What the host is given.
    pub(crate) fn into_attributes(self) -> Result<Attributes, SendError> {
        match self.broken {
            Some(error) => Err(error),
            None => Ok(self.attributes),
        }
    }
}

/// Publishes `event` and returns its id. Never waits for a listener; for a channel that the
/// event names it waits until the event is durable there, which counts towards the handler's
/// deadline.
///
/// # Errors
/// [`SendError`] says why nothing was published.
pub fn send(event: OutgoingEvent) -> Result<String, SendError> {
    let event = event.into_attributes()?;
    if event.channel.is_some() {
        dispatch::begin_part();
    }
    host::send(event)
}
