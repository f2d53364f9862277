//! Events that another node encoded.

use hearken_wire::{Attribute, EventRef};

use super::draft::MAX_ATTRIBUTE_BYTES;
use super::{DraftError, Event, EventType, TypeError};

/// Why an event of another node is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForeignError {
    /// The type is not valid.
    #[error(transparent)]
    Type(#[from] TypeError),
    /// An attribute is not valid.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The node sent an event that is not its own.
    #[error("the event is from node `{0}`, which has to send it itself")]
    Origin(String),
    /// The event was not to leave its node.
    #[error("the event is not distributed")]
    NotDistributed,
}

impl Event {
    /// Takes an event that the node `origin` sent, as it stands. What comes from
    /// the network may be anything, so every rule that nodes of the version before hold
    /// a draft to is checked again.
    ///
    /// # Errors
    /// [`ForeignError`] says which rule the event breaks.
    pub fn foreign(packed: EventRef<'_>, origin: &str) -> Result<Self, ForeignError> {
        if packed.attribute_bytes(Attribute::Origin) != origin.as_bytes() {
            return Err(ForeignError::Origin(packed.origin().to_owned()));
        }
        if !packed.distributed() {
            return Err(ForeignError::NotDistributed);
        }
        Self::carried(packed)
    }

    /// Takes an event that another node sent within something else, whichever node it is of
    /// and wherever that was to send it. Its rules are checked as [`Event::foreign`] does.
    ///
    /// # Errors
    /// [`ForeignError`] says which rule the event breaks.
    pub fn carried(packed: EventRef<'_>) -> Result<Self, ForeignError> {
        EventType::host(packed.event_type())?;
        let event = Self::copied(packed);
        if !is_plain(packed) {
            event.to_draft().check_foreign()?;
        }
        Ok(event)
    }
}

/// Whether an event is sure to break no rule of its attributes. Holds for nearly all
/// that nodes send, and is found out at a tenth of the cost of looking at each.
fn is_plain(packed: EventRef<'_>) -> bool {
    let texts = packed.texts();
    // Without a way out in the middle, which lets the compiler look at many at once.
    let printable = |all, byte: &u8| all & matches!(byte, b' '..=b'~');
    let needed = [Attribute::Id, Attribute::Source, Attribute::DataContentType];
    let is_there = |attribute: &_| !packed.attribute_bytes(*attribute).is_empty();
    texts.len() <= MAX_ATTRIBUTE_BYTES
        && texts.iter().fold(true, printable)
        && needed.iter().all(is_there)
        && packed.extensions().next().is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::published::tests::{STAMP, any_draft};
    use crate::event::{Draft, ExtensionValue, Stamp};

    /// Where the type begins in an encoded event.
    const TEXTS_AT: usize = 48;

    proptest! {
        #[test]
        fn what_is_plain_breaks_no_rule(
            draft in any_draft(),
            at in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let event = draft.stamp(&STAMP);
            let mut bytes = event.as_bytes().to_vec();
            let at = TEXTS_AT + at.index(event.packed().texts().len());
            bytes[at] = byte;
            let (packed, _) = EventRef::take(&bytes).expect("the lengths are as they were");
            if is_plain(packed) && EventType::host(packed.event_type()).is_ok() {
                prop_assert_eq!(Event::copied(packed).to_draft().check_foreign(), Ok(()));
            }
        }
    }

    #[test]
    fn what_nodes_usually_send_is_plain() {
        let event = distributed().stamp(&STAMP);
        assert!(is_plain(event.packed()));
    }

    fn distributed() -> Draft<'static> {
        Draft {
            distributed: true,
            ..Draft::new(EventType::custom("a").expect("valid"))
        }
    }

    fn taken(event: &Event) -> Result<Event, ForeignError> {
        Event::foreign(event.packed(), STAMP.origin)
    }

    #[test]
    fn takes_what_a_node_encoded() {
        let event = distributed().stamp(&STAMP);
        assert_eq!(taken(&event), Ok(event));
    }

    #[test]
    fn what_a_producer_says_travels_as_nodes_of_the_version_before_take_it() {
        // Names that those do not take as extensions.
        let taken_there = [
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
            "channel",
            "sequence",
            "traceparent",
            "tracestate",
        ];
        let with = |extensions: usize| {
            let extension = |number| (format!("x{number}").into(), ExtensionValue::Integer(1));
            let mut extensions: Vec<_> = (1..extensions).map(extension).collect();
            extensions.push(("sequence".into(), ExtensionValue::Integer(3)));
            Draft {
                time: Some("2018-04-05T17:31:00Z".into()),
                extensions,
                ..distributed()
            }
        };
        let draft = with(63);
        assert_eq!(draft.check(), Ok(()));
        let event = draft.stamp(&STAMP);
        let extensions: Vec<_> = event.packed().encoded_extensions().collect();
        assert_eq!(extensions.len(), 64, "as many as those take");
        for (name, ..) in extensions {
            assert!(name.len() <= 20 && !taken_there.contains(&name), "{name}");
        }
        assert_eq!(taken(&event), Ok(event));
        assert_eq!(with(64).check(), Err(DraftError::TooManyExtensions(65)));
    }

    #[test]
    fn refuses_what_breaks_a_rule() {
        let local = Draft {
            distributed: false,
            ..distributed()
        };
        assert_eq!(
            taken(&local.stamp(&STAMP)),
            Err(ForeignError::NotDistributed)
        );

        let event = distributed().stamp(&STAMP);
        assert_eq!(
            Event::foreign(event.packed(), "b"),
            Err(ForeignError::Origin(STAMP.origin.into()))
        );

        let forged = Stamp {
            id: ["a\n", "b"],
            ..STAMP
        };
        assert!(matches!(
            taken(&distributed().stamp(&forged)),
            Err(ForeignError::Draft(_))
        ));

        // A type that is no text reads as empty.
        let mut bytes = event.as_bytes().to_vec();
        let at = bytes
            .windows(8)
            .position(|window| window == b"custom.a")
            .expect("the type");
        bytes[at] = 0xff;
        let (packed, _) = EventRef::take(&bytes).expect("the lengths are as they were");
        assert_eq!(
            Event::foreign(packed, STAMP.origin),
            Err(ForeignError::Type(TypeError::Empty))
        );
    }
}
