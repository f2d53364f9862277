//! Event types and the rule that keeps host events unforgeable.

use std::borrow::Cow;
use std::fmt;

use hearken_pattern::is_type_char;

/// Longest event type in bytes, the `custom.` prefix included.
pub const MAX_TYPE_BYTES: usize = 255;

/// What every type published by a plugin or a client begins with.
pub const CUSTOM_PREFIX: &str = "custom.";

/// A valid event type: 1 to [`MAX_TYPE_BYTES`] characters of `A-Z a-z 0-9 . _ - / :`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventType<'a>(Cow<'a, str>);

/// Why a type is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// The type is empty.
    #[error("the event type is empty; give a dotted name such as `cart.added`")]
    Empty,
    /// The type is longer than [`MAX_TYPE_BYTES`].
    #[error(
        "the event type has {0} bytes with its prefix `custom.`; at most {MAX_TYPE_BYTES} are allowed"
    )]
    TooLong(usize),
    /// The type has a character outside the allowed set.
    #[error("the event type has {0:?} at byte {1}; allowed are A-Z a-z 0-9 . _ - / :")]
    BadCharacter(char, usize),
}

impl<'a> EventType<'a> {
    /// Takes the type of a host event as it stands.
    ///
    /// # Errors
    /// [`TypeError`] says which rule the type breaks.
    pub fn host(text: &'a str) -> Result<Self, TypeError> {
        check(text)?;
        Ok(Self(Cow::Borrowed(text)))
    }

    /// Takes the type of an event that a plugin or a client publishes, and puts
    /// it under `custom.` unless it is there already.
    ///
    /// # Errors
    /// [`TypeError`] says which rule the type breaks.
    pub fn custom(text: &'a str) -> Result<Self, TypeError> {
        if text.starts_with(CUSTOM_PREFIX) {
            return Self::host(text);
        }
        if text.is_empty() {
            return Err(TypeError::Empty);
        }
        check_characters(text)?;
        let full = format!("{CUSTOM_PREFIX}{text}");
        if full.len() > MAX_TYPE_BYTES {
            return Err(TypeError::TooLong(full.len()));
        }
        Ok(Self(Cow::Owned(full)))
    }

    /// The type with its own storage.
    #[must_use]
    pub fn into_owned(self) -> EventType<'static> {
        EventType(Cow::Owned(self.0.into_owned()))
    }

    /// The type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check(text: &str) -> Result<(), TypeError> {
    if text.is_empty() {
        return Err(TypeError::Empty);
    }
    if text.len() > MAX_TYPE_BYTES {
        return Err(TypeError::TooLong(text.len()));
    }
    check_characters(text)
}

fn check_characters(text: &str) -> Result<(), TypeError> {
    // Without a way out in the middle, which lets the compiler look at many at once.
    let allowed = |all, byte: u8| all & is_type_char(char::from(byte));
    if text.bytes().fold(true, allowed) {
        return Ok(());
    }
    match text.char_indices().find(|(_, c)| !is_type_char(*c)) {
        Some((at, character)) => Err(TypeError::BadCharacter(character, at)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_prefix_is_added_once() {
        assert_eq!(EventType::custom("foo").unwrap().as_str(), "custom.foo");
        assert_eq!(
            EventType::custom("custom.foo").unwrap().as_str(),
            "custom.foo"
        );
        assert_eq!(
            EventType::custom("plugin.failed").unwrap().as_str(),
            "custom.plugin.failed"
        );
        assert_eq!(
            EventType::custom("customs").unwrap().as_str(),
            "custom.customs"
        );
    }

    #[test]
    fn bad_types_say_what_is_wrong() {
        assert_eq!(EventType::custom(""), Err(TypeError::Empty));
        assert_eq!(
            EventType::custom("a b"),
            Err(TypeError::BadCharacter(' ', 1))
        );
        assert_eq!(EventType::custom("ä"), Err(TypeError::BadCharacter('ä', 0)));
        assert_eq!(
            EventType::custom("a*"),
            Err(TypeError::BadCharacter('*', 1))
        );
        let longest = "x".repeat(MAX_TYPE_BYTES - CUSTOM_PREFIX.len());
        assert!(EventType::custom(&longest).is_ok());
        assert_eq!(
            EventType::custom(&format!("{longest}x")),
            Err(TypeError::TooLong(256))
        );
    }
}
