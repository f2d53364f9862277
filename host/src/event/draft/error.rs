//! Why a draft does not become an event.

use crate::event::TypeError;
use crate::event::json;

/// Longest attribute (id, source, subject, media type, extension name or value)
/// in bytes; bounds what the header of one event can take.
pub const MAX_ATTRIBUTE_BYTES: usize = 4096;

/// Most extension attributes of one event.
pub(super) const MAX_EXTENSIONS: usize = 64;

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
    /// An attribute has a character that CloudEvents does not allow in a String: a
    /// control character or a noncharacter.
    #[error(
        "the attribute `{name}` has the character U+{:04X}, a control character or noncharacter, which CloudEvents does not allow",
        u32::from(*.character)
    )]
    ForbiddenCharacter {
        /// Name of the attribute.
        name: String,
        /// The first such character.
        character: char,
    },
    /// The source is not a URI reference (RFC 3986).
    #[error(
        "the attribute `source` is not a URI reference: {0}; write it as e.g. `/shop/checkout`, other characters percent-encoded"
    )]
    Source(String),
    /// The time is not one of RFC 3339.
    #[error(
        "the attribute `time` is {0:?}, which is not a time of RFC 3339 such as \
         2026-01-31T12:00:00Z"
    )]
    Time(String),
    /// An extension's name is not made of lower-case letters and digits, or is
    /// longer than 20 characters (CloudEvents 1.0, section 3.1.1).
    #[error("the extension attribute `{0}` needs a name of 1 to 20 lower-case letters and digits")]
    ExtensionName(String),
    /// An extension takes the name of an attribute with a meaning of its own.
    #[error("`{0}` is not a free extension attribute; it has a meaning of its own")]
    ReservedExtension(String),
    /// An extension attribute is there twice.
    #[error("the extension attribute `{0}` is there more than once")]
    DuplicateExtension(String),
    /// A publisher claims what only the node may say.
    #[error("only the node sets the attribute `{0}`; leave it out")]
    OfTheNode(String),
    /// The data is JSON that is nested too deeply to be handed on.
    #[error(
        "the data is JSON that is nested deeper than {} levels",
        json::MAX_DEPTH
    )]
    DeepJson,
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
            | Self::ForbiddenCharacter { name, .. }
            | Self::ExtensionName(name)
            | Self::ReservedExtension(name)
            | Self::DuplicateExtension(name)
            | Self::OfTheNode(name) => Some(name),
            Self::Source(_) => Some("source"),
            Self::Time(_) => Some("time"),
            Self::DeepJson => Some("data"),
            Self::TooManyExtensions(_) => None,
        }
    }
}
