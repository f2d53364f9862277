//! Messages between nodes: what they are made of and read as.

use std::collections::BTreeMap;

use bytes::Bytes;
use hearken_session_protocol::ClientInfo;
use hearken_wire::{EventRef, Malformed};
use prost::Message as _;

use super::protocol::across::Kind;
use super::protocol::{Across, Beside, Info, beside};
use crate::event::{Event, ForeignError};
use crate::session::hub::Exclude;

/// Most tags that a publication brings: more than go into a request to publish.
const MAX_TAGS: usize = 1_024;

/// What belongs to a publication beside its event.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::session) struct Besides {
    /// The session that published it.
    pub(in crate::session) info: Option<ClientInfo>,
    /// Tags that its publisher gave.
    pub(in crate::session) tags: BTreeMap<String, String>,
    /// Who does not get it.
    pub(in crate::session) exclude: Option<Exclude>,
    /// Whether it may go out as a delta.
    pub(in crate::session) as_delta: bool,
}

/// Why a message is not taken.
#[derive(Debug, thiserror::Error)]
pub(in crate::session) enum Unreadable {
    /// It is none.
    #[error("it is no message: {0}")]
    Message(#[from] prost::DecodeError),
    /// An event in it is none.
    #[error("an event in it cannot be read: {0}")]
    Event(#[from] Malformed),
    /// There is more than one event where there may be one.
    #[error("there are {0} bytes behind an event in it")]
    Trailing(usize),
    /// An event in it breaks a rule.
    #[error("an event in it breaks a rule: {0}")]
    Rule(#[from] ForeignError),
    /// It has more tags than any publication.
    #[error("a publication in it has {0} tags; at most {MAX_TAGS} are allowed")]
    Tags(usize),
    /// An event in it is of another node, which has to send it itself.
    #[error("an event in it is from node `{0}`, which has to send it itself")]
    Origin(String),
    /// Something is missing.
    #[error("it has no {0}")]
    Missing(&'static str),
}

/// The message that says this.
pub(super) fn encode(kind: Kind) -> Bytes {
    let message = Across { kind: Some(kind) };
    message.encode_to_vec().into()
}

/// What a message says; nothing where a later version says what is not known here.
///
/// # Errors
/// [`Unreadable`] when it is no message.
pub(super) fn decode(message: Bytes) -> Result<Option<Kind>, Unreadable> {
    Ok(Across::decode(message)?.kind)
}

/// Whether a node may say this number of an event: behind a larger one there would be none.
pub(super) fn is_number(number: u64) -> bool {
    number <= i64::MAX as u64
}

/// An event that a node has sent.
///
/// # Errors
/// [`Unreadable`] says why it is none.
pub(in crate::session) fn event_of(bytes: &[u8]) -> Result<Event, Unreadable> {
    let (packed, behind) = EventRef::take(bytes)?;
    if !behind.is_empty() {
        return Err(Unreadable::Trailing(behind.len()));
    }
    Ok(Event::carried(packed)?)
}

/// The bytes of an event as it is sent.
pub(in crate::session) fn bytes_of(event: &Event) -> Bytes {
    Bytes::copy_from_slice(event.as_bytes())
}

impl Besides {
    /// As it is sent.
    pub(in crate::session) fn encoded(&self) -> Beside {
        let exclude = self.exclude.as_ref().map(|exclude| match exclude {
            Exclude::Client(client) => beside::Exclude::ExcludeClient(client.to_string()),
            Exclude::User(user) => beside::Exclude::ExcludeUser(user.to_string()),
        });
        Beside {
            info: self.info.clone().map(Info::from),
            tags: self.tags.clone(),
            exclude,
            as_delta: self.as_delta,
        }
    }

    /// Of what was sent, perhaps nothing.
    ///
    /// # Errors
    /// [`Unreadable`] when no node sends that.
    pub(in crate::session) fn decoded(beside: Option<Beside>) -> Result<Self, Unreadable> {
        let beside = beside.unwrap_or_default();
        if beside.tags.len() > MAX_TAGS {
            return Err(Unreadable::Tags(beside.tags.len()));
        }
        let exclude = beside.exclude.map(|exclude| match exclude {
            beside::Exclude::ExcludeClient(client) => Exclude::Client(client.into()),
            beside::Exclude::ExcludeUser(user) => Exclude::User(user.into()),
        });
        Ok(Self {
            info: beside.info.map(ClientInfo::from),
            tags: beside.tags,
            exclude,
            as_delta: beside.as_delta,
        })
    }
}

impl From<ClientInfo> for Info {
    fn from(info: ClientInfo) -> Self {
        Self {
            user: info.user,
            client: info.client,
            conn_info: info.conn_info,
            chan_info: info.chan_info,
        }
    }
}

impl From<Info> for ClientInfo {
    fn from(info: Info) -> Self {
        Self {
            user: info.user,
            client: info.client,
            conn_info: info.conn_info,
            chan_info: info.chan_info,
        }
    }
}

/// By what a channel, or a node, is known on all nodes: 64-bit FNV-1a, mixed. Names that others
/// make up to have the same cost messages in vain, and nothing else.
pub(super) fn hash_of(name: &str) -> u64 {
    const OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    mixed(name.bytes().fold(OFFSET, step))
}

/// The finisher of `SplitMix64`: each bit of the number changes half of the bits of the result.
pub(super) fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::super::protocol::{Live, WantedKnown};
    use super::*;

    #[test]
    fn hashes_are_those_of_every_version() {
        // Another hash would have nodes of two versions miss each other's publications.
        assert_eq!(mixed(0xCBF2_9CE4_8422_2325), hash_of(""));
        let fnv_of_foobar = 0x8594_4171_F739_67E8;
        assert_eq!(hash_of("foobar"), mixed(fnv_of_foobar));
        assert_ne!(hash_of("chat:1"), hash_of("chat:2"));
    }

    #[test]
    fn a_message_reads_back() {
        let besides = Besides {
            info: Some(ClientInfo {
                user: "42".to_owned(),
                client: "c".to_owned(),
                conn_info: Some(Bytes::from_static(b"{}")),
                chan_info: None,
            }),
            tags: [("region".to_owned(), "eu".to_owned())].into(),
            exclude: Some(Exclude::User("42".into())),
            as_delta: true,
        };
        let live = Live {
            event: Bytes::from_static(b"event"),
            beside: Some(besides.encoded()),
        };
        let read = decode(encode(Kind::Live(live))).unwrap();
        let Some(Kind::Live(live)) = read else {
            panic!("{read:?}");
        };
        assert_eq!(Besides::decoded(live.beside).unwrap(), besides);
        assert_eq!(Besides::decoded(None).unwrap(), Besides::default());
    }

    #[test]
    fn what_is_no_message_is_refused_and_what_is_of_a_later_version_is_nothing() {
        assert!(decode(Bytes::from_static(b"\xff")).is_err());
        // A kind of message with number 100.
        assert!(
            decode(Bytes::from_static(b"\xa2\x06\x00"))
                .unwrap()
                .is_none()
        );
        let known = encode(Kind::WantedKnown(WantedKnown { version: 3 }));
        assert!(matches!(decode(known), Ok(Some(Kind::WantedKnown(_)))));
        assert!(event_of(b"no event").is_err());
        let many = (0..=MAX_TAGS).map(|tag| (tag.to_string(), String::new()));
        let beside = Beside {
            tags: many.collect(),
            ..Beside::default()
        };
        assert!(Besides::decoded(Some(beside)).is_err());
    }
}
