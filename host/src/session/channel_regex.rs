//! Regular expressions on names of channels, of namespaces and of capabilities.

use std::fmt;

use regex_lite::{Regex, RegexBuilder};

/// Longest expression in bytes.
const MAX_BYTES: usize = 1024;

/// Most memory that one takes, in bytes. It bounds the time of a match too: a name of 255
/// bytes is compared with all of it, at worst, for each byte.
const MAX_COMPILED: usize = 64 << 10;

/// A regular expression on a name or a part of one. As in Centrifugo it may match anywhere
/// within that, unless it has `^` and `$`. Matching takes time that is linear in the name.
#[derive(Clone)]
pub struct ChannelRegex(Regex);

/// Why a text is no such expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelRegexError {
    /// It is longer than 1 KiB.
    #[error("it has {0} bytes; at most {MAX_BYTES} are allowed")]
    TooLong(usize),
    /// It is no regular expression, or one that takes too much memory.
    #[error("it is no regular expression that can be used: {0}")]
    Wrong(String),
}

impl ChannelRegex {
    /// Compiles an expression.
    ///
    /// # Errors
    /// [`ChannelRegexError`] says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, ChannelRegexError> {
        if text.len() > MAX_BYTES {
            return Err(ChannelRegexError::TooLong(text.len()));
        }
        let regex = RegexBuilder::new(text).size_limit(MAX_COMPILED).build();
        let regex = regex.map_err(|error| ChannelRegexError::Wrong(error.to_string()))?;
        Ok(Self(regex))
    }

    /// Whether the text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The expression as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for ChannelRegex {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ChannelRegex {}

impl fmt::Debug for ChannelRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_matches_anywhere_unless_it_is_anchored() {
        let digits = ChannelRegex::new("[0-9]+").unwrap();
        assert!(digits.matches("a42b") && !digits.matches("ab"));
        let all = ChannelRegex::new(r"^\d+$").unwrap();
        assert!(all.matches("42") && !all.matches("42b"));
        assert_eq!(all, ChannelRegex::new(r"^\d+$").unwrap());
        assert_ne!(all, digits);
    }

    #[test]
    fn what_is_wrong_or_too_large_is_refused() {
        assert!(matches!(
            ChannelRegex::new("("),
            Err(ChannelRegexError::Wrong(_))
        ));
        assert!(matches!(
            ChannelRegex::new("(a{100}){100}"),
            Err(ChannelRegexError::Wrong(_))
        ));
        assert_eq!(
            ChannelRegex::new(&"a".repeat(1025)),
            Err(ChannelRegexError::TooLong(1025))
        );
    }
}
