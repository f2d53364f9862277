//! Names of channels.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use hearken_pattern::is_type_char;

/// Longest name of a channel, in bytes.
pub const MAX_CHANNEL_NAME_BYTES: usize = 255;

/// The name of a channel: 1 to [`MAX_CHANNEL_NAME_BYTES`] characters of
/// `A-Z a-z 0-9 . _ - / :`, those of event types.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(Arc<str>);

/// Why a text is no name of a channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelNameError {
    /// The name is empty.
    #[error("the name of the channel is empty; give a name such as `orders`")]
    Empty,
    /// The name is longer than [`MAX_CHANNEL_NAME_BYTES`].
    #[error("the name of the channel has {0} bytes; at most {MAX_CHANNEL_NAME_BYTES} are allowed")]
    TooLong(usize),
    /// The name has a character outside the allowed set.
    #[error("the name of the channel has {0:?} at byte {1}; allowed are A-Z a-z 0-9 . _ - / :")]
    BadCharacter(char, usize),
}

impl ChannelName {
    /// Takes a name.
    ///
    /// # Errors
    /// [`ChannelNameError`] says which rule it breaks.
    pub fn new(text: &str) -> Result<Self, ChannelNameError> {
        if text.is_empty() {
            return Err(ChannelNameError::Empty);
        }
        if text.len() > MAX_CHANNEL_NAME_BYTES {
            return Err(ChannelNameError::TooLong(text.len()));
        }
        match text.char_indices().find(|(_, c)| !is_type_char(*c)) {
            Some((at, character)) => Err(ChannelNameError::BadCharacter(character, at)),
            None => Ok(Self(text.into())),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ChannelName {
    type Err = ChannelNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl Borrow<str> for ChannelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_names_say_what_is_wrong() {
        assert_eq!(ChannelName::new(""), Err(ChannelNameError::Empty));
        assert_eq!(
            ChannelName::new("a#b"),
            Err(ChannelNameError::BadCharacter('#', 1))
        );
        assert_eq!(
            ChannelName::new("ä"),
            Err(ChannelNameError::BadCharacter('ä', 0))
        );
        let longest = "x".repeat(MAX_CHANNEL_NAME_BYTES);
        assert_eq!(ChannelName::new(&longest).unwrap().as_str(), longest);
        assert_eq!(
            ChannelName::new(&format!("{longest}x")),
            Err(ChannelNameError::TooLong(256))
        );
        assert_eq!(
            "dead.cart/x:Y_z-1".parse::<ChannelName>().unwrap().as_str(),
            "dead.cart/x:Y_z-1"
        );
    }
}
