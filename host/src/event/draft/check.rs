//! The rules that a draft keeps.

use fluent_uri::UriRef;
use hearken_wire::{PRODUCER_SEQUENCE, PRODUCER_TIME};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Draft, ExtensionValue};
use crate::event::{TypeError, is_json, json};

/// Longest attribute (id, source, subject, media type, extension name or value)
/// in bytes; bounds what the header of one event can take.
pub const MAX_ATTRIBUTE_BYTES: usize = 4096;

/// Most extension attributes of one event.
const MAX_EXTENSIONS: usize = 64;

/// Attribute names that belong to CloudEvents or to Hearken and so cannot be
/// free extensions. (The `sequence` of a channel's event is the node's to give; that of
/// a live one is the producer's.)
const RESERVED: [&str; 16] = [
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
    "recordedtime",
    "channel",
    "traceparent",
    "tracestate",
];

/// Attributes that only the node gives.
const OF_THE_NODE: [&str; 8] = [
    "recordedtime",
    "origin",
    "localorigin",
    "user",
    "client",
    "epoch",
    PRODUCER_TIME,
    PRODUCER_SEQUENCE,
];

/// What the names of all attributes of dead letters begin with, which only the node
/// gives too.
const OF_DEAD_LETTERS: &str = "dead";

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
        "the attribute `time` is {0:?}, which is no time of RFC 3339 such as 2026-01-31T12:00:00Z"
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
    #[error("the attribute `{0}` is given by the node alone; leave it out")]
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

impl Draft<'_> {
    /// Checks everything but the type, which is valid by construction, and the data.
    ///
    /// # Errors
    /// [`DraftError`] names the first attribute that breaks a rule.
    pub fn check(&self) -> Result<(), DraftError> {
        self.check_attributes(forbidden)?;
        if let Some(source) = &self.source
            && let Err(error) = UriRef::parse(source.as_ref())
        {
            return Err(DraftError::Source(error.to_string()));
        }
        Ok(())
    }

    /// Checks what another node encoded. A node of the minor version before holds its
    /// publishers to fewer rules, and what it took must not be lost on the way.
    ///
    /// # Errors
    /// As [`Draft::check`].
    pub(in crate::event) fn check_foreign(&self) -> Result<(), DraftError> {
        self.check_attributes(|c| c.is_ascii_control())
    }

    /// Checks what whoever is not the node itself may not say, and that the data can be
    /// handed on: for all drafts of clients and guests.
    ///
    /// # Errors
    /// [`DraftError::OfTheNode`] and [`DraftError::DeepJson`].
    pub fn check_claims(&self) -> Result<(), DraftError> {
        for (name, _) in &self.extensions {
            if OF_THE_NODE.contains(&name.as_ref()) || name.starts_with(OF_DEAD_LETTERS) {
                return Err(DraftError::OfTheNode(name.clone().into_owned()));
            }
        }
        let deep = |data: &[u8]| is_json(self.datacontenttype()) && json::is_too_deep(data);
        if self.data.as_deref().is_some_and(deep) {
            return Err(DraftError::DeepJson);
        }
        Ok(())
    }

    fn check_attributes(&self, forbidden: fn(char) -> bool) -> Result<(), DraftError> {
        for (name, value) in self.attributes() {
            if let Some(value) = value {
                if value.is_empty() {
                    return Err(DraftError::EmptyAttribute(name));
                }
                check_text(name, value, forbidden)?;
            }
        }
        if let Some(time) = &self.time
            && !is_time(time)
        {
            return Err(DraftError::Time(time.clone().into_owned()));
        }
        // The time travels as one of them.
        let extensions = self.extensions.len() + usize::from(self.time.is_some());
        if extensions > MAX_EXTENSIONS {
            return Err(DraftError::TooManyExtensions(extensions));
        }
        for (at, (name, value)) in self.extensions.iter().enumerate() {
            let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            if name.is_empty() || name.len() > 20 || !name.bytes().all(named) {
                return Err(DraftError::ExtensionName(name.clone().into_owned()));
            }
            if RESERVED.contains(&name.as_ref()) {
                return Err(DraftError::ReservedExtension(name.clone().into_owned()));
            }
            if self.extensions[..at]
                .iter()
                .any(|(before, _)| before == name)
            {
                return Err(DraftError::DuplicateExtension(name.clone().into_owned()));
            }
            if let ExtensionValue::String(value) = value {
                check_text(name, value, forbidden)?;
            }
        }
        Ok(())
    }
}

fn check_text(name: &str, value: &str, forbidden: fn(char) -> bool) -> Result<(), DraftError> {
    if value.len() > MAX_ATTRIBUTE_BYTES {
        return Err(DraftError::LongAttribute {
            name: name.to_owned(),
            bytes: value.len(),
        });
    }
    // Without a way out in the middle, which lets the compiler look at many at once.
    let plain = |all, byte: u8| all & matches!(byte, b' '..=b'~');
    if value.bytes().fold(true, plain) {
        return Ok(());
    }
    match value.chars().find(|c| forbidden(*c)) {
        None => Ok(()),
        Some(character) => Err(DraftError::ForbiddenCharacter {
            name: name.to_owned(),
            character,
        }),
    }
}

/// Whether a text is a time of RFC 3339; the parser takes anything between date and time.
fn is_time(text: &str) -> bool {
    let separator = text.as_bytes().get("2018-04-05".len());
    separator.is_some_and(|byte| byte.eq_ignore_ascii_case(&b'T'))
        && OffsetDateTime::parse(text, &Rfc3339).is_ok()
}

/// Whether CloudEvents has the character in no String (1.0, section 3.3): control
/// characters and noncharacters.
fn forbidden(character: char) -> bool {
    let code = u32::from(character);
    character.is_control() || (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventType;

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
        let forbidden = DraftError::ForbiddenCharacter {
            name: "id".into(),
            character: '\n',
        };
        assert!(forbidden.to_string().contains("U+000A"), "{forbidden}");
        assert_eq!(control.check(), Err(forbidden));
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

    #[test]
    fn texts_have_the_characters_of_cloudevents() {
        for (character, allowed) in [
            ('\u{0}', false),
            ('\t', false),
            (' ', true),
            ('~', true),
            ('\u{7f}', false),
            ('\u{80}', false),
            ('\u{9f}', false),
            ('\u{a0}', true),
            ('ä', true),
            ('\u{fdcf}', true),
            ('\u{fdd0}', false),
            ('\u{fdef}', false),
            ('\u{fdf0}', true),
            ('\u{fffd}', true),
            ('\u{fffe}', false),
            ('\u{ffff}', false),
            ('\u{1f600}', true),
            ('\u{1ffff}', false),
            ('\u{10fffe}', false),
        ] {
            let subject = Draft {
                subject: Some(format!("a{character}b").into()),
                ..draft()
            };
            let value = ExtensionValue::String(format!("{character}").into());
            let extension = Draft {
                extensions: vec![("x".into(), value)],
                ..draft()
            };
            for draft in [subject, extension] {
                assert_eq!(draft.check().is_ok(), allowed, "{character:?}");
                let was_allowed = !character.is_ascii_control();
                assert_eq!(draft.check_foreign().is_ok(), was_allowed);
            }
        }
    }

    #[test]
    fn a_source_is_a_uri_reference() {
        for (source, valid) in [
            ("/shop", true),
            ("shop", true),
            ("https://example.com/a?b=%20#c", true),
            ("urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", true),
            ("mailto:a@example.com", true),
            ("1-555-123-4567", true),
            ("my shop", false),
            ("/a\\b", false),
            ("/höher", false),
            ("/%zz", false),
            ("<x>", false),
        ] {
            let draft = Draft {
                source: Some(source.into()),
                ..draft()
            };
            assert_eq!(draft.check().is_ok(), valid, "{source}");
            assert_eq!(draft.check_foreign(), Ok(()), "{source}");
        }
    }

    #[test]
    fn a_time_is_of_rfc_3339() {
        for (time, valid) in [
            ("2018-04-05T17:31:00Z", true),
            ("2018-04-05t17:31:00.123456789+02:00", true),
            ("0001-01-01T00:00:00Z", true),
            ("2018-13-05T17:31:00Z", false),
            ("2018-04-05 17:31:00Z", false),
            ("2018-04-05T17:31:00", false),
            ("12345", false),
            ("", false),
        ] {
            let draft = Draft {
                time: Some(time.into()),
                ..draft()
            };
            assert_eq!(draft.check().is_ok(), valid, "{time}");
            assert_eq!(draft.check_foreign().is_ok(), valid, "{time}");
        }
    }

    fn extended(names: &[&'static str]) -> Draft<'static> {
        let extension = |name: &&'static str| ((*name).into(), ExtensionValue::Integer(1));
        Draft {
            extensions: names.iter().map(extension).collect(),
            ..draft()
        }
    }

    #[test]
    fn an_extension_is_there_once() {
        assert_eq!(extended(&["a", "b", "sequence"]).check(), Ok(()));
        let twice = DraftError::DuplicateExtension("a".into());
        assert_eq!(extended(&["a", "b", "a"]).check(), Err(twice));
    }

    #[test]
    fn no_publisher_says_what_only_the_node_does() {
        for name in [
            "user",
            "client",
            "epoch",
            "dead",
            "deadreason",
            "recordedtime",
            "origin",
        ] {
            let claimed = DraftError::OfTheNode(name.into());
            assert_eq!(extended(&["a", name]).check_claims(), Err(claimed));
        }
        assert_eq!(
            extended(&["a", "users", "adead", "sequence"]).check_claims(),
            Ok(())
        );
    }

    #[test]
    fn json_is_not_too_deep_to_be_handed_on() {
        let with = |content: &'static str, data: String| Draft {
            datacontenttype: Some(content.into()),
            data: Some(data.into_bytes().into()),
            ..draft()
        };
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let json = "application/json";
        assert_eq!(with(json, nested(100)).check_claims(), Ok(()));
        let deep = Err(DraftError::DeepJson);
        assert_eq!(with(json, nested(101)).check_claims(), deep);
        assert_eq!(with("text/plain", nested(101)).check_claims(), Ok(()));
        let no_json = "[".repeat(5_000);
        assert_eq!(with(json, no_json).check_claims(), Ok(()));
    }
}
