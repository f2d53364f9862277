//! Who somebody is.

use std::fmt;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is percent-encoded in a source: all but RFC 3986's unreserved characters.
const NOT_IN_SOURCE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Who acts: what rights are given to, budgets are counted by and events are named after.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Principal {
    /// Who has given no credentials.
    Anonymous,
    /// Who has the key of this name.
    Key(Arc<str>),
    /// The subject of a token.
    User(Arc<str>),
    /// Who has a certificate of the entry of this name.
    Certificate(Arc<str>),
    /// A plugin of this node.
    Plugin(Arc<str>),
    /// A node of the cluster.
    Node(Arc<str>),
}

/// A text is no principal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a principal; write `anonymous`, or `key:`, `user:`, `cert:`, `plugin:` or \
     `node:` and a name, or the name of a key alone"
)]
pub struct NoPrincipal(String);

impl Principal {
    /// Reads a principal as it is shown; a name alone is that of a key.
    ///
    /// # Errors
    /// [`NoPrincipal`] if there is no such kind, or no name.
    pub fn parse(text: &str) -> Result<Self, NoPrincipal> {
        let wrong = || NoPrincipal(text.to_owned());
        let (kind, name) = match text.split_once(':') {
            None if text == "anonymous" => return Ok(Self::Anonymous),
            None => ("key", text),
            Some(kind_and_name) => kind_and_name,
        };
        if name.is_empty() {
            return Err(wrong());
        }
        let name = name.into();
        match kind {
            "key" => Ok(Self::Key(name)),
            "user" => Ok(Self::User(name)),
            "cert" => Ok(Self::Certificate(name)),
            "plugin" => Ok(Self::Plugin(name)),
            "node" => Ok(Self::Node(name)),
            _ => Err(wrong()),
        }
    }
}

impl Principal {
    /// What its events come from on the node of this name, where it has nothing closer.
    #[must_use]
    pub fn source(&self, node: &str) -> String {
        let name = self.to_string();
        let name = utf8_percent_encode(&name, NOT_IN_SOURCE);
        format!("/nodes/{node}/clients/{name}")
    }

    /// The name without the kind.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Key(name)
            | Self::User(name)
            | Self::Certificate(name)
            | Self::Plugin(name)
            | Self::Node(name) => name,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Anonymous => "",
            Self::Key(_) => "key:",
            Self::User(_) => "user:",
            Self::Certificate(_) => "cert:",
            Self::Plugin(_) => "plugin:",
            Self::Node(_) => "node:",
        };
        write!(f, "{kind}{}", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_uri_references_whatever_a_principal_is_called() {
        let source = |principal: Principal| principal.source("a");
        assert_eq!(source(Principal::Anonymous), "/nodes/a/clients/anonymous");
        let odd = "/nodes/a/clients/user%3Aauth0%7C%C3%A4%2Fb%20c";
        assert_eq!(source(Principal::User("auth0|ä/b c".into())), odd);
    }

    #[test]
    fn principals_are_read_as_they_are_shown() {
        for text in [
            "anonymous",
            "key:billing",
            "user:https://id.example.com/42",
            "cert:edge",
            "plugin:audit",
            "node:a",
        ] {
            assert_eq!(Principal::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Principal::parse("billing"),
            Ok(Principal::Key("billing".into()))
        );
        for text in ["", "key:", "users:42"] {
            let error = Principal::parse(text).unwrap_err().to_string();
            assert!(error.contains("`user:`"), "{error}");
        }
    }
}
