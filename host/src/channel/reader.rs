//! Who reads a channel from a position of its own.

use std::fmt;
use std::sync::Arc;

/// Longest name of a client in bytes.
pub const MAX_CLIENT_BYTES: usize = 255;

/// The name under which a client keeps its position: 1 to 255 printable
/// characters of ASCII without spaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientName(Arc<str>);

/// A reader of a channel by name, as `keep_unread` writes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reader {
    /// A plugin that consumes the channel: `plugin:NAME`.
    Plugin(Arc<str>),
    /// A client that keeps a cursor: `client:NAME`.
    Client(ClientName),
}

/// Why a text names no reader.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReaderError {
    /// Neither a plugin nor a client.
    #[error("{0:?} is no reader; write `plugin:` or `client:` and a name")]
    Kind(String),
    /// The name is not one.
    #[error(transparent)]
    Client(#[from] ClientNameError),
}

/// Why a text is no name of a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientNameError {
    /// It is empty.
    #[error("the name of the client is empty")]
    Empty,
    /// It is longer than 255 bytes.
    #[error("the name of the client has {0} bytes; at most {MAX_CLIENT_BYTES} are allowed")]
    TooLong(usize),
    /// It has a character that is not allowed.
    #[error(
        "the name of the client has {0:?}; allowed are printable characters of ASCII without spaces"
    )]
    BadCharacter(char),
}

impl ClientName {
    /// Takes a name.
    ///
    /// # Errors
    /// [`ClientNameError`] says which rule it breaks.
    pub fn new(text: &str) -> Result<Self, ClientNameError> {
        match text.chars().find(|c| !c.is_ascii_graphic()) {
            _ if text.is_empty() => Err(ClientNameError::Empty),
            Some(character) => Err(ClientNameError::BadCharacter(character)),
            None if text.len() > MAX_CLIENT_BYTES => Err(ClientNameError::TooLong(text.len())),
            None => Ok(Self(text.into())),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Reader {
    /// Reads a reader as [`fmt::Display`] shows it.
    ///
    /// # Errors
    /// [`ReaderError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ReaderError> {
        match text.split_once(':') {
            Some(("plugin", name)) if !name.is_empty() => Ok(Self::Plugin(name.into())),
            Some(("client", name)) => Ok(Self::Client(ClientName::new(name)?)),
            _ => Err(ReaderError::Kind(text.to_owned())),
        }
    }
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plugin(name) => write!(f, "plugin:{name}"),
            Self::Client(name) => write!(f, "client:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_read_as_they_are_shown() {
        for text in ["plugin:audit", "client:a", "client:a:b/c@d"] {
            assert_eq!(Reader::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "audit", "plugin:", "client:", "client:a b", "user:a"] {
            assert!(Reader::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_clients_are_bounded() {
        assert!(ClientName::new(&"x".repeat(MAX_CLIENT_BYTES)).is_ok());
        let long = ClientName::new(&"x".repeat(MAX_CLIENT_BYTES + 1));
        assert_eq!(long, Err(ClientNameError::TooLong(256)));
        assert_eq!(
            ClientName::new("ä"),
            Err(ClientNameError::BadCharacter('ä'))
        );
    }
}
