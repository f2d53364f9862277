//! What a publisher hands in: an event without what the node adds.

mod check;
mod error;

use std::borrow::Cow;
use std::fmt;

use hearken_wire::ExtensionKind;

use super::trace::TraceContext;
use super::{EventType, JSON_CONTENT_TYPE};

pub use error::{DraftError, MAX_ATTRIBUTE_BYTES};

/// The value of a CloudEvents extension attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtensionValue<'a> {
    /// A CloudEvents Boolean.
    Boolean(bool),
    /// A CloudEvents Integer.
    Integer(i32),
    /// Everything else, in its canonical string form.
    String(Cow<'a, str>),
}

impl ExtensionValue<'_> {
    /// The CloudEvents type of the value.
    pub(super) fn kind(&self) -> ExtensionKind {
        match self {
            Self::Boolean(_) => ExtensionKind::Boolean,
            Self::Integer(_) => ExtensionKind::Integer,
            Self::String(_) => ExtensionKind::String,
        }
    }

    /// The canonical string form (CloudEvents 1.0, section 3.3).
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Boolean(true) => Cow::Borrowed("true"),
            Self::Boolean(false) => Cow::Borrowed("false"),
            Self::Integer(value) => Cow::Owned(value.to_string()),
            Self::String(value) => Cow::Borrowed(value),
        }
    }
}

impl fmt::Display for ExtensionValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// An event to publish. `D::new(type)` and struct update syntax set what differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft<'a> {
    /// A valid type, already under `custom.` unless the host publishes it.
    pub event_type: EventType<'a>,
    /// The publisher's own id; the node gives one when absent.
    pub id: Option<Cow<'a, str>>,
    /// The publisher's own source; the bus takes the publisher's when absent.
    pub source: Option<Cow<'a, str>>,
    /// The thing that the event is about.
    pub subject: Option<Cow<'a, str>>,
    /// When it happened, in RFC 3339, if the publisher says so; otherwise it counts as
    /// having happened when the node takes it.
    pub time: Option<Cow<'a, str>>,
    /// Media type of `data`; `application/json` when absent.
    pub datacontenttype: Option<Cow<'a, str>>,
    /// The payload.
    pub data: Option<Cow<'a, [u8]>>,
    /// Whether the event is sent to every node of the cluster.
    pub distributed: bool,
    /// Durable channel to append to.
    pub channel: Option<Cow<'a, str>>,
    /// W3C trace context.
    pub traceparent: Option<Cow<'a, str>>,
    /// W3C trace context.
    pub tracestate: Option<Cow<'a, str>>,
    /// Other CloudEvents extension attributes, each name once.
    pub extensions: Vec<(Cow<'a, str>, ExtensionValue<'a>)>,
}

/// Which attributes a draft has beside its type, and whether it is distributed; one bit
/// each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Presence(u16);

impl<'a> Draft<'a> {
    /// A draft with nothing but a type.
    #[must_use]
    pub fn new(event_type: EventType<'a>) -> Self {
        Self {
            event_type,
            id: None,
            source: None,
            subject: None,
            time: None,
            datacontenttype: None,
            data: None,
            distributed: false,
            channel: None,
            traceparent: None,
            tracestate: None,
            extensions: Vec::new(),
        }
    }

    /// Media type of the data.
    #[must_use]
    pub fn datacontenttype(&self) -> &str {
        self.datacontenttype.as_deref().unwrap_or(JSON_CONTENT_TYPE)
    }

    /// Puts the event into a trace, or into none.
    pub fn set_trace(&mut self, trace: Option<TraceContext<'a>>) {
        let (parent, state) = trace.map_or((None, None), |trace| (Some(trace.parent), trace.state));
        self.traceparent = parent;
        self.tracestate = state;
    }

    /// What it has.
    #[inline]
    pub(super) fn presence(&self) -> Presence {
        let bit = |place: u32, is_there: bool| u16::from(is_there) << place;
        Presence(
            bit(0, self.id.is_some())
                | bit(1, self.source.is_some())
                | bit(2, self.subject.is_some())
                | bit(3, self.datacontenttype.is_some())
                | bit(4, self.distributed)
                | bit(5, self.channel.is_some())
                | bit(6, self.traceparent.is_some())
                | bit(7, self.tracestate.is_some())
                | bit(8, !self.extensions.is_empty())
                | bit(9, self.time.is_some()),
        )
    }

    fn attributes(&self) -> [(&'static str, &Option<Cow<'a, str>>); 8] {
        [
            ("id", &self.id),
            ("source", &self.source),
            ("subject", &self.subject),
            ("time", &self.time),
            ("datacontenttype", &self.datacontenttype),
            ("channel", &self.channel),
            ("traceparent", &self.traceparent),
            ("tracestate", &self.tracestate),
        ]
    }
}
