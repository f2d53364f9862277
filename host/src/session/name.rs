//! Names of session channels, and what their characters say.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest name of a session channel, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// What a name begins with for which every session needs a subscription token.
const PRIVATE: char = '$';

/// What stands between the namespace and the rest.
const NAMESPACE_END: char = ':';

/// What stands before the users whose channel it is.
const USERS: char = '#';

/// What stands between those users.
const NEXT_USER: char = ',';

/// The name of a session channel: 1 to [`MAX_NAME_BYTES`] printable ASCII characters
/// without spaces. `$` before it, the part before the first `:`, and the part behind the
/// last `#` have the meaning that Centrifugo gives them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(Arc<str>);

/// Why a text is no name of a session channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelNameError {
    /// The name is empty.
    #[error("the name of the channel is empty")]
    Empty,
    /// The name is longer than [`MAX_NAME_BYTES`].
    #[error("the name of the channel has {0} bytes; at most {MAX_NAME_BYTES} are allowed")]
    TooLong(usize),
    /// The name has a character that is not printable ASCII.
    #[error(
        "the name of the channel has {0:?} at byte {1}; allowed is printable ASCII without spaces"
    )]
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
        if text.len() > MAX_NAME_BYTES {
            return Err(ChannelNameError::TooLong(text.len()));
        }
        match text.char_indices().find(|(_, c)| !c.is_ascii_graphic()) {
            Some((at, character)) => Err(ChannelNameError::BadCharacter(character, at)),
            None => Ok(Self(text.into())),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as shared text.
    #[must_use]
    pub fn shared(&self) -> &Arc<str> {
        &self.0
    }

    /// Whether a session may subscribe with a subscription token alone.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.0.starts_with(PRIVATE)
    }

    /// The part before the first `:`, without a leading `$`; `None` without `:`.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        Some(self.parts()?.0)
    }

    /// What a namespace's `channel_regex` has to match: the part behind the first `:`, or the
    /// whole name where there is none.
    #[must_use]
    pub fn rest(&self) -> &str {
        self.parts().map_or(&self.0, |(_, rest)| rest)
    }

    /// Whether the name says which users' channel it is.
    #[must_use]
    pub fn is_user_limited(&self) -> bool {
        self.0.contains(USERS)
    }

    /// The users whose channel it is: what stands behind the last `#`, with commas between.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        let users = self.0.rsplit_once(USERS).map(|(_, users)| users);
        let users = users.into_iter().flat_map(|users| users.split(NEXT_USER));
        users.filter(|user| !user.is_empty())
    }

    /// Whether the name says that it is this user's channel. Who is nobody has none.
    #[must_use]
    pub fn is_of_user(&self, user: &str) -> bool {
        !user.is_empty() && self.users().any(|named| named == user)
    }

    fn parts(&self) -> Option<(&str, &str)> {
        let name = self.0.strip_prefix(PRIVATE).unwrap_or(&self.0);
        name.split_once(NAMESPACE_END)
    }
}

impl Borrow<str> for ChannelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ChannelName {
    fn as_ref(&self) -> &str {
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
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ChannelName {
        ChannelName::new(text).expect(text)
    }

    #[test]
    fn names_are_printable_ascii_of_a_bounded_length() {
        name("a");
        name("~!@#$%^&*()[]{}|\\;'\"<>?/");
        name(&"x".repeat(MAX_NAME_BYTES));
        for (text, error) in [
            ("", ChannelNameError::Empty),
            ("a b", ChannelNameError::BadCharacter(' ', 1)),
            ("a\n", ChannelNameError::BadCharacter('\n', 1)),
            ("ä", ChannelNameError::BadCharacter('ä', 0)),
            ("\u{7f}", ChannelNameError::BadCharacter('\u{7f}', 0)),
            (&"x".repeat(256), ChannelNameError::TooLong(256)),
        ] {
            assert_eq!(ChannelName::new(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn the_characters_of_a_name_say_what_it_is() {
        for (text, is_private, namespace, rest, users) in [
            ("news", false, None, "news", &[][..]),
            ("chat:42", false, Some("chat"), "42", &[]),
            ("$chat:42", true, Some("chat"), "42", &[]),
            ("$news", true, None, "$news", &[]),
            ("$$a:b", true, Some("$a"), "b", &[]),
            (":a", false, Some(""), "a", &[]),
            ("a:b:c", false, Some("a"), "b:c", &[]),
            ("#42", false, None, "#42", &["42"]),
            ("dialog#42,43", false, None, "dialog#42,43", &["42", "43"]),
            ("a:b#c#d,e", false, Some("a"), "b#c#d,e", &["d", "e"]),
            ("a#b:c", false, Some("a#b"), "c", &["b:c"]),
            ("a#,", false, None, "a#,", &[]),
        ] {
            let name = name(text);
            assert_eq!(name.is_private(), is_private, "{text}");
            assert_eq!(name.namespace(), namespace, "{text}");
            assert_eq!(name.rest(), rest, "{text}");
            assert_eq!(name.users().collect::<Vec<_>>(), users, "{text}");
            assert_eq!(name.is_user_limited(), text.contains('#'), "{text}");
        }
    }

    #[test]
    fn a_user_has_the_channels_that_name_it() {
        assert!(name("dialog#42,43").is_of_user("43"));
        assert!(!name("dialog#42,43").is_of_user("4"));
        assert!(!name("dialog").is_of_user("42"));
        for nobodys in ["#", "#,", "a#42"] {
            assert!(!name(nobodys).is_of_user(""), "{nobodys}");
        }
    }
}
