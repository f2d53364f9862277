//! Who may link with whom.

use std::sync::Arc;

use uuid::Uuid;

use super::protocol::Hello;
pub use super::refused::Refused;
use super::text::shown;
use crate::event::check_node_name;

/// A version of the protocol. Versions of one major number whose minor numbers
/// differ by at most one understand each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProtocolVersion {
    /// Changes when nodes of different numbers cannot speak to each other.
    pub major: u32,
    /// Changes when something is added.
    pub minor: u32,
}

/// What this program speaks.
pub const PROTOCOL: ProtocolVersion = ProtocolVersion { major: 1, minor: 2 };

/// The first minor version with `InterestChange`.
pub const INTEREST_CHANGE_SINCE: u32 = 2;

/// The first minor version with `Channels`.
pub const CHANNELS_SINCE: u32 = 2;

/// The first minor version with `Skip`.
pub const SKIP_SINCE: u32 = 2;

/// Who a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name of the cluster.
    pub cluster: Arc<str>,
    /// Name of the node.
    pub node: Arc<str>,
    /// Unlike that of every other start of a node.
    pub incarnation: Uuid,
    /// Version of the program.
    pub version: Arc<str>,
    /// Largest event that the node takes, in bytes.
    pub max_event_bytes: usize,
}

/// The node at the other end of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Name of the node.
    pub node: Arc<str>,
    /// Which of its starts it is.
    pub incarnation: Uuid,
    /// `HOST:PORT` at which it is reached.
    pub address: Arc<str>,
    /// Version of its program.
    pub version: Arc<str>,
    /// Largest event that it takes, in bytes.
    pub max_event_bytes: usize,
    /// The minor version that both speak.
    pub minor: u32,
    /// Whether its sessions hear those of other nodes.
    pub sessions: bool,
}

impl Identity {
    /// What this node says of itself to a node that reaches it at `address`.
    #[must_use]
    pub fn hello(&self, address: &str) -> Hello {
        Hello {
            major: PROTOCOL.major,
            minor: PROTOCOL.minor,
            cluster: self.cluster.to_string(),
            node: self.node.to_string(),
            incarnation: self.incarnation.to_string(),
            address: address.to_owned(),
            version: self.version.to_string(),
            max_event_bytes: self.max_event_bytes as u64,
            sessions: false,
        }
    }

    /// Looks at what the other side says of itself.
    ///
    /// # Errors
    /// [`Refused`] when the two do not go together.
    pub fn check(&self, own_address: &str, hello: &Hello) -> Result<Peer, Refused> {
        let version = |major, minor| format!("{major}.{minor}");
        if hello.major != PROTOCOL.major || hello.minor.abs_diff(PROTOCOL.minor) > 1 {
            return Err(Refused::Version {
                node: shown(&hello.node),
                theirs: version(hello.major, hello.minor),
                own: version(PROTOCOL.major, PROTOCOL.minor),
            });
        }
        if hello.cluster != *self.cluster {
            return Err(Refused::Cluster {
                node: shown(&hello.node),
                theirs: shown(&hello.cluster),
                own: Arc::clone(&self.cluster),
            });
        }
        let incarnation = Uuid::parse_str(&hello.incarnation).map_err(|error| {
            let incarnation = shown(&hello.incarnation);
            Refused::Protocol(format!(
                "the incarnation `{incarnation}` is no UUID: {error}"
            ))
        })?;
        if hello.node == *self.node {
            if incarnation == self.incarnation {
                return Err(Refused::Itself);
            }
            return Err(Refused::Name {
                node: Arc::clone(&self.node),
                here: own_address.to_owned(),
                there: shown(&hello.address),
            });
        }
        if let Err(error) = check_node_name(&hello.node) {
            let node = shown(&hello.node);
            return Err(Refused::Protocol(format!(
                "`{node}` is no name for a node: {error}"
            )));
        }
        if !is_address(&hello.address) {
            let address = shown(&hello.address);
            return Err(Refused::Protocol(format!("`{address}` is no HOST:PORT")));
        }
        if !is_version(&hello.version) {
            let version = shown(&hello.version);
            return Err(Refused::Protocol(format!("`{version}` is no version")));
        }
        Ok(Peer {
            node: hello.node.as_str().into(),
            incarnation,
            address: hello.address.as_str().into(),
            version: hello.version.as_str().into(),
            max_event_bytes: usize::try_from(hello.max_event_bytes).unwrap_or(usize::MAX),
            minor: hello.minor.min(PROTOCOL.minor),
            sessions: hello.sessions,
        })
    }
}

/// Longest host name, its port included: that of the DNS, and five digits.
const MAX_ADDRESS_BYTES: usize = 253 + 6;

/// Longest version of a program.
const MAX_VERSION_BYTES: usize = 64;

fn is_version(text: &str) -> bool {
    text.len() <= MAX_VERSION_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_address(text: &str) -> bool {
    text.len() <= MAX_ADDRESS_BYTES
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && text
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(node: &str) -> Identity {
        Identity {
            cluster: "shop".into(),
            node: node.into(),
            incarnation: Uuid::from_u128(1),
            version: "0.1.0".into(),
            max_event_bytes: 1 << 20,
        }
    }

    fn check(change: impl FnOnce(&mut Hello)) -> Result<Peer, Refused> {
        let other = Identity {
            incarnation: Uuid::from_u128(2),
            ..identity("b")
        };
        let mut hello = other.hello("10.0.0.2:7071");
        change(&mut hello);
        identity("a").check("10.0.0.1:7071", &hello)
    }

    fn message(change: impl FnOnce(&mut Hello)) -> String {
        check(change).expect_err("refused").to_string()
    }

    #[test]
    fn takes_the_neighbouring_minor_versions_and_speaks_the_lower_one() {
        let minor = |minor| check(|hello| hello.minor = minor).map(|peer| peer.minor);
        assert_eq!(minor(PROTOCOL.minor), Ok(PROTOCOL.minor));
        assert_eq!(minor(PROTOCOL.minor - 1), Ok(PROTOCOL.minor - 1));
        assert_eq!(minor(PROTOCOL.minor + 1), Ok(PROTOCOL.minor));
        let refused = message(|hello| hello.minor = PROTOCOL.minor + 2);
        assert!(refused.contains("version 1.4"), "{refused}");
        assert!(refused.contains("one minor version at a time"), "{refused}");
        let refused = message(|hello| hello.major = 2);
        assert!(refused.contains("version 2.2"), "{refused}");
    }

    #[test]
    fn sessions_are_heard_only_of_who_says_so() {
        let sessions = |sessions| {
            let peer = check(|hello| hello.sessions = sessions);
            peer.expect("taken").sessions
        };
        assert!(sessions(true));
        assert!(!sessions(false));
    }

    #[test]
    fn refusals_say_what_to_change() {
        let refused = message(|hello| hello.cluster = "other".into());
        assert!(refused.contains("cluster `other`"), "{refused}");
        assert!(refused.contains("--cluster-name"), "{refused}");
        let refused = message(|hello| hello.node = "a".into());
        assert!(
            refused.contains("10.0.0.1:7071 and at 10.0.0.2:7071"),
            "{refused}"
        );
        assert!(refused.contains("another --node"), "{refused}");
    }

    #[test]
    fn texts_of_strangers_are_cut_and_have_no_lines() {
        let forged = format!(
            "x\n2026-01-01 ERROR \u{1b}[31m\u{202e}{}",
            "y".repeat(1 << 20)
        );
        let changes: [fn(&mut Hello, String); 5] = [
            |hello, text| hello.node = text,
            |hello, text| hello.address = text,
            |hello, text| hello.incarnation = text,
            |hello, text| hello.version = text,
            |hello, text| {
                hello.cluster = text.clone();
                hello.node = text;
            },
        ];
        for change in changes {
            let refused = message(|hello| change(hello, forged.clone()));
            assert!(refused.chars().all(|c| !c.is_control()), "{refused}");
            assert!(!refused.contains('\u{202e}'), "{refused}");
            assert!(refused.len() < 1024, "{}", refused.len());
        }
        let version = message(|hello| {
            hello.node = forged.clone();
            hello.major = 9;
        });
        assert!(version.len() < 1024, "{}", version.len());
        assert_eq!(shown("plain ü"), "plain ü");
    }

    #[test]
    fn knows_itself() {
        let own = identity("a");
        assert_eq!(
            own.check("10.0.0.1:7071", &own.hello("10.0.0.1:7071")),
            Err(Refused::Itself)
        );
    }

    #[test]
    fn takes_nothing_that_is_no_name_no_address_and_no_incarnation() {
        for node in ["", "../x", "b c", &"b".repeat(64)] {
            let refused = message(|hello| hello.node = node.into());
            assert!(refused.contains("no name"), "{refused}");
        }
        for address in ["", "host", ":1", "host:", "host:99999", "a\nb:1"] {
            let refused = message(|hello| hello.address = address.into());
            assert!(refused.contains("no HOST:PORT"), "{refused}");
        }
        let refused = message(|hello| hello.incarnation = "1".into());
        assert!(refused.contains("no UUID"), "{refused}");
        for version in ["1 2", "0.1\n", &"1".repeat(65)] {
            let refused = message(|hello| hello.version = version.into());
            assert!(refused.contains("no version"), "{refused}");
        }
    }
}
