//! What a publisher hands in: an event without what the node adds.

use std::borrow::Cow;
use std::fmt;

use hearken_wire::ExtensionKind;

use super::{EventType, JSON_CONTENT_TYPE, TypeError};

/// Longest attribute (id, source, subject, media type, extension name or value)
/// in bytes; bounds what the header of one event can take.
pub const MAX_ATTRIBUTE_BYTES: usize = 4096;

/// Most extension attributes of one event.
const MAX_EXTENSIONS: usize = 64;

/// Attribute names that belong to CloudEvents or to Hearken and so cannot be
/// free extensions.
pub(super) const RESERVED: [&str; 16] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "data",
    "data_base64",
    "distributed",
    "origin",
    "localorigin",
    "channel",
    "sequence",
    "traceparent",
    "tracestate",
];

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
    /// Other CloudEvents extension attributes.
    pub extensions: Vec<(Cow<'a, str>, ExtensionValue<'a>)>,
}

/// Which attributes a draft has beside its type, and whether it is distributed; one bit
/// each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Presence(u16);

/// Why a draft cannot become an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// The type is not valid.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// An attribute is present but empty, which CloudEvents forbids.
    #[error("the attribute `{0}` is empty; leave it out or give it a value")]
    EmptyAttribute(&'static str),
    /// An attribute is longer than [`MAX_ATTRIBUTE_BYTES`].
    #[error("the attribute `{name}` has {bytes} bytes; at most {MAX_ATTRIBUTE_BYTES} are allowed")]
    LongAttribute {
        /// Name of the attribute.
        name: String,
        /// Its length.
        bytes: usize,
    },
    /// An attribute has a control character.
    #[error("the attribute `{0}` has a control character")]
    ControlCharacter(String),
    /// An extension's name is not made of lower-case letters and digits, or is
    /// longer than 20 characters (CloudEvents 1.0, section 3.1.1).
    #[error("the extension attribute `{0}` needs a name of 1 to 20 lower-case letters and digits")]
    ExtensionName(String),
    /// An extension takes the name of an attribute with a meaning of its own.
    #[error("`{0}` is not a free extension attribute; it has a meaning of its own")]
    ReservedExtension(String),
    /// More than 64 extension attributes.
    #[error("the event has {0} extension attributes; at most {MAX_EXTENSIONS} are allowed")]
    TooManyExtensions(usize),
}

impl DraftError {
    /// Name of the attribute at fault, if it is one.
    #[must_use]
    pub fn attribute(&self) -> Option<&str> {
        match self {
            Self::Type(_) => Some("type"),
            Self::EmptyAttribute(name) => Some(name),
            Self::LongAttribute { name, .. }
            | Self::ControlCharacter(name)
            | Self::ExtensionName(name)
            | Self::ReservedExtension(name) => Some(name),
            Self::TooManyExtensions(_) => None,
        }
    }
}

impl<'a> Draft<'a> {
    /// A draft with nothing but a type.
    #[must_use]
    pub fn new(event_type: EventType<'a>) -> Self {
        Self {
            event_type,
            id: None,
            source: None,
            subject: None,
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

    /// Checks everything but the type, which is valid by construction.
    ///
    /// # Errors
    /// [`DraftError`] names the first attribute that breaks a rule.
    pub fn check(&self) -> Result<(), DraftError> {
        for (name, value) in self.attributes() {
            if let Some(value) = value {
                if value.is_empty() {
                    return Err(DraftError::EmptyAttribute(name));
                }
                check_text(name, value)?;
            }
        }
        if self.extensions.len() > MAX_EXTENSIONS {
            return Err(DraftError::TooManyExtensions(self.extensions.len()));
        }
        for (name, value) in &self.extensions {
            let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            if name.is_empty() || name.len() > 20 || !name.bytes().all(named) {
                return Err(DraftError::ExtensionName(name.clone().into_owned()));
            }
            if RESERVED.contains(&name.as_ref()) {
                return Err(DraftError::ReservedExtension(name.clone().into_owned()));
            }
            if let ExtensionValue::String(value) = value {
                check_text(name, value)?;
            }
        }
        Ok(())
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
                | bit(8, !self.extensions.is_empty()),
        )
    }

    fn attributes(&self) -> [(&'static str, &Option<Cow<'a, str>>); 7] {
        [
            ("id", &self.id),
            ("source", &self.source),
            ("subject", &self.subject),
            ("datacontenttype", &self.datacontenttype),
            ("channel", &self.channel),
            ("traceparent", &self.traceparent),
            ("tracestate", &self.tracestate),
        ]
    }

    /// The event that the draft becomes by itself.
    #[cfg(test)]
    pub(crate) fn stamp(&self, stamp: &super::Stamp<'_>) -> super::Event {
        let mut encoder = super::Encoder::default();
        let encoded = encoder.encode(self, stamp);
        encoded.expect("the draft keeps the rules");
        super::Event::copied(encoder.last())
    }
}

fn check_text(name: &str, value: &str) -> Result<(), DraftError> {
    if value.len() > MAX_ATTRIBUTE_BYTES {
        return Err(DraftError::LongAttribute {
            name: name.to_owned(),
            bytes: value.len(),
        });
    }
    // Without a way out in the middle, which lets the compiler look at many at once.
    let control = |found, byte: u8| found | byte.is_ascii_control();
    if value.bytes().fold(false, control) {
        return Err(DraftError::ControlCharacter(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft<'static> {
        Draft::new(EventType::custom("a").unwrap())
    }

    #[test]
    fn rules_name_the_attribute() {
        assert_eq!(draft().check(), Ok(()));
        let empty = Draft {
            subject: Some("".into()),
            ..draft()
        };
        assert_eq!(empty.check(), Err(DraftError::EmptyAttribute("subject")));
        let control = Draft {
            id: Some("a\nb".into()),
            ..draft()
        };
        assert_eq!(
            control.check(),
            Err(DraftError::ControlCharacter("id".into()))
        );
        let long = Draft {
            source: Some("x".repeat(4097).into()),
            ..draft()
        };
        assert_eq!(
            long.check(),
            Err(DraftError::LongAttribute {
                name: "source".into(),
                bytes: 4097
            })
        );
        let extension = |name: &'static str| Draft {
            extensions: vec![(name.into(), ExtensionValue::Integer(1))],
            ..draft()
        };
        assert_eq!(extension("priority").check(), Ok(()));
        assert_eq!(
            extension("Priority").check(),
            Err(DraftError::ExtensionName("Priority".into()))
        );
        assert_eq!(
            extension("origin").check(),
            Err(DraftError::ReservedExtension("origin".into()))
        );
    }
}
