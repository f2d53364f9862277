//! Who a node is to the gossip, and which of two that claim one name is believed.

use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::cluster::membership::{Address, Member};

/// Bounds of what others may claim; a name in the DNS has at most 253 characters,
/// and `[` `]` `:` and a port come to 8. With them 100 members fit into a message.
const MAX_NODE_BYTES: usize = 255;
const MAX_ADDRESS_BYTES: usize = 261;

/// One life of a node as the gossip sees it.
///
/// To the gossip an identity that was declared down is dead for good, even where
/// the node was only out of reach: the node goes on under a new one. That must not
/// look like a restart to the links, so the incarnation stays and `generation`
/// grows.
///
/// Generations begin with the time at which the node started, so a restarted node
/// outranks its former life without knowing how often that one went on. Should its
/// clock have been set back, it goes on above the generation by which others
/// know it, see [`Identity::above`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) node: Arc<str>,
    pub(super) incarnation: Uuid,
    pub(super) address: Address,
    pub(super) generation: u64,
}

impl Identity {
    /// The first identity of a node's incarnation.
    pub(super) fn new(member: &Member) -> Self {
        Self {
            node: member.node.clone(),
            incarnation: member.incarnation,
            address: member.address.clone(),
            generation: millis_of(member.incarnation),
        }
    }

    /// Whether this identity is believed, of two with the same name. A total order,
    /// so that all nodes agree.
    pub(super) fn outranks(&self, other: &Self) -> bool {
        self.rank() > other.rank()
    }

    fn rank(&self) -> (u64, Uuid, &str) {
        (self.generation, self.incarnation, &self.address)
    }

    /// The same life under an identity that outranks `other`. `None` when there is
    /// no number left, which only a forger can bring about.
    pub(super) fn above(&self, other: &Self) -> Option<Self> {
        let generation = self.generation.max(other.generation).checked_add(1)?;
        Some(Self {
            generation,
            ..self.clone()
        })
    }
}

/// The time in a UUID of version 7, in milliseconds since the Unix epoch.
fn millis_of(incarnation: Uuid) -> u64 {
    u64::try_from(incarnation.as_u128() >> 80).expect("48 bits are left of 128")
}

impl foca::Identity for Identity {
    /// The node's name. It is unique: links refuse a second node with a name in use.
    /// An address is not, over time: a new node is soon given that of one that went,
    /// and a node that comes back has another one. By name, the node that comes back
    /// replaces its former life, wherever it is, and nobody else's.
    type Addr = Arc<str>;

    fn renew(&self) -> Option<Self> {
        self.above(self)
    }

    fn addr(&self) -> Arc<str> {
        self.node.clone()
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.outranks(adversary)
    }
}

/// What is encoded, so that neither `uuid` nor `serde` need more features.
#[derive(Serialize, Deserialize)]
struct Encoded<'a> {
    node: &'a str,
    incarnation: [u8; 16],
    address: &'a str,
    generation: u64,
}

impl Serialize for Identity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Encoded {
            node: &self.node,
            incarnation: self.incarnation.into_bytes(),
            address: &self.address,
            generation: self.generation,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Identity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let encoded = Encoded::deserialize(deserializer)?;
        if !is_visible(encoded.node, MAX_NODE_BYTES) {
            return Err(D::Error::custom("not a name of a node"));
        }
        if !is_visible(encoded.address, MAX_ADDRESS_BYTES) {
            return Err(D::Error::custom("not an address of a node"));
        }
        Ok(Self {
            node: encoded.node.into(),
            incarnation: Uuid::from_bytes(encoded.incarnation),
            address: encoded.address.into(),
            generation: encoded.generation,
        })
    }
}

fn is_visible(text: &str, max_bytes: usize) -> bool {
    !text.is_empty() && text.len() <= max_bytes && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use foca::{Codec, Identity as _, PostcardCodec};
    use proptest::prelude::*;

    use super::super::MAX_MESSAGE_BYTES;
    use super::*;

    fn encoded(identity: &Identity) -> Vec<u8> {
        let mut bytes = Vec::new();
        PostcardCodec
            .encode_member(&foca::Member::alive(identity.clone()), &mut bytes)
            .unwrap();
        bytes
    }

    fn decoded(bytes: &[u8]) -> Option<Identity> {
        let member: foca::Member<Identity> = PostcardCodec.decode_member(bytes).ok()?;
        Some(member.id().clone())
    }

    prop_compose! {
        /// Few of each part, so that many are equal.
        fn identity()(
            incarnation in 0..3_u128,
            address in "[ab]:1",
            generation in prop_oneof![0..3_u64, any::<u64>()],
        ) -> Identity {
            Identity {
                node: "a".into(),
                incarnation: Uuid::from_u128(incarnation),
                address: address.into(),
                generation,
            }
        }
    }

    proptest! {
        #[test]
        fn an_identity_survives_encoding(identity in identity()) {
            prop_assert_eq!(decoded(&encoded(&identity)), Some(identity));
        }

        #[test]
        fn of_two_identities_one_outranks_the_other(a in identity(), b in identity()) {
            prop_assert_eq!(u8::from(a.outranks(&b)) + u8::from(b.outranks(&a)), u8::from(a != b));
        }

        #[test]
        fn ranks_have_an_order(a in identity(), b in identity(), c in identity()) {
            if a.outranks(&b) && b.outranks(&c) {
                prop_assert!(a.outranks(&c));
            }
        }

        #[test]
        fn a_node_goes_on_above_any_other_and_as_the_same_incarnation(
            own in identity(),
            other in identity(),
        ) {
            if let Some(above) = own.above(&other) {
                prop_assert!(above.outranks(&own) && above.outranks(&other));
                prop_assert_eq!(above.incarnation, own.incarnation);
                prop_assert!(own.renew().is_some_and(|renewed| renewed.outranks(&own)));
            } else {
                prop_assert_eq!(own.generation.max(other.generation), u64::MAX);
            }
        }
    }

    fn longest() -> Identity {
        Identity {
            node: "n".repeat(MAX_NODE_BYTES).into(),
            incarnation: Uuid::max(),
            address: "a".repeat(MAX_ADDRESS_BYTES).into(),
            generation: u64::MAX,
        }
    }

    #[test]
    fn what_is_longer_than_allowed_or_invisible_is_no_identity() {
        let decodes = |identity: Identity| decoded(&encoded(&identity)).is_some();
        assert!(decodes(longest()));
        for text in [String::new(), "a\nb".into(), "ä".into(), "n".repeat(262)] {
            let (node, address) = (text.clone().into(), text.into());
            assert!(!decodes(Identity { node, ..longest() }));
            assert!(!decodes(Identity {
                address,
                ..longest()
            }));
        }
    }

    #[test]
    fn a_hundred_of_the_longest_fit_into_a_message() {
        // The sender, the receiver and 100 others.
        assert!(102 * encoded(&longest()).len() < MAX_MESSAGE_BYTES);
    }
}
