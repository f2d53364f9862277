//! The rules that a draft keeps.

use fluent_uri::UriRef;
use hearken_wire::{PRODUCER_SEQUENCE, PRODUCER_TIME};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::{DraftError, MAX_ATTRIBUTE_BYTES, MAX_EXTENSIONS};
use super::{Draft, ExtensionValue};
use crate::event::{is_json, json};

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
mod tests;
