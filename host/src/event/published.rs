//! A published event: the packed encoding of `hearken-wire`, made once and shared.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use hearken_wire::{EventRef, ExtensionKind};

use super::{Draft, EventType, ExtensionValue};

/// A published event; cloning shares the buffer.
#[derive(Clone, PartialEq, Eq)]
pub struct Event(Arc<[u8]>);

impl Event {
    /// Copies an encoded event.
    pub(crate) fn copied(packed: EventRef<'_>) -> Self {
        Self(Arc::from(packed.as_bytes()))
    }

    /// The same event with its number in its channel and the time, in milliseconds since the
    /// Unix epoch, at which it got that. Costs a copy only where it is shared.
    #[cfg(feature = "gateway")]
    #[must_use]
    pub(crate) fn placed(mut self, sequence: u64, recorded_time: u64) -> Self {
        let place = |bytes: &mut [u8]| {
            let placed = hearken_wire::place(bytes, sequence, recorded_time);
            debug_assert!(placed, "an event has a header");
        };
        if let Some(bytes) = Arc::get_mut(&mut self.0) {
            place(bytes);
            return self;
        }
        let mut bytes = self.0.to_vec();
        place(&mut bytes);
        Self(bytes.into())
    }

    /// The packed encoding, to be copied or read in place.
    #[must_use]
    pub fn packed(&self) -> EventRef<'_> {
        EventRef::assume_encoded(&self.0)
    }

    /// The encoded event; its first four bytes are its length.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Type, e.g. `custom.cart.added`.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.packed().event_type()
    }

    /// Unique for each [`Event::source`].
    #[must_use]
    pub fn id(&self) -> &str {
        self.packed().id()
    }

    /// URI reference of the publisher.
    #[must_use]
    pub fn source(&self) -> &str {
        self.packed().source()
    }

    /// The thing that the event is about.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.packed().subject()
    }

    /// Milliseconds since the Unix epoch at which the node of origin took the event.
    #[must_use]
    pub fn recorded_time(&self) -> u64 {
        self.packed().recorded_time()
    }

    /// When it happened, as its producer said, in RFC 3339; absent when the producer
    /// did not say.
    #[must_use]
    pub fn producer_time(&self) -> Option<&str> {
        self.packed().producer_time()
    }

    /// Media type of the data.
    #[must_use]
    pub fn datacontenttype(&self) -> &str {
        self.packed().datacontenttype()
    }

    /// The payload; `None` when the event has none.
    #[must_use]
    pub fn data(&self) -> Option<&[u8]> {
        self.packed().data()
    }

    /// Whether the event is sent to every node.
    #[must_use]
    pub fn distributed(&self) -> bool {
        self.packed().distributed()
    }

    /// Name of the node where the event was published.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.packed().origin()
    }

    /// The durable channel that the event belongs to.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        self.packed().channel()
    }

    /// Position within the channel, from 1.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        self.packed().sequence()
    }

    /// W3C trace context.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.packed().traceparent()
    }

    /// W3C trace context.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.packed().tracestate()
    }

    /// The other CloudEvents extension attributes.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, ExtensionValue<'_>)> {
        self.packed().extensions().map(|(name, kind, text)| {
            let value = match kind {
                ExtensionKind::Boolean => ExtensionValue::Boolean(text == "true"),
                ExtensionKind::Integer if let Ok(number) = text.parse() => {
                    ExtensionValue::Integer(number)
                }
                ExtensionKind::Integer | ExtensionKind::String => {
                    ExtensionValue::String(Cow::Borrowed(text))
                }
            };
            (name, value)
        })
    }

    /// The event as a draft, e.g. to publish it again. Recorded time, origin and
    /// the sequence of a channel are the node's to give and so are left out.
    ///
    /// # Panics
    /// Never: the type was valid when the event was encoded.
    #[must_use]
    pub fn to_draft(&self) -> Draft<'_> {
        Draft {
            event_type: EventType::host(self.event_type()).expect("valid when it was encoded"),
            id: Some(Cow::Borrowed(self.id())),
            source: Some(Cow::Borrowed(self.source())),
            subject: self.subject().map(Cow::Borrowed),
            time: self.producer_time().map(Cow::Borrowed),
            datacontenttype: Some(Cow::Borrowed(self.datacontenttype())),
            data: self.data().map(Cow::Borrowed),
            distributed: self.distributed(),
            channel: self.channel().map(Cow::Borrowed),
            traceparent: self.traceparent().map(Cow::Borrowed),
            tracestate: self.tracestate().map(Cow::Borrowed),
            extensions: self
                .extensions()
                .map(|(name, value)| (Cow::Borrowed(name), value))
                .collect(),
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.packed(), f)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Encoder, Stamp};

    impl Draft<'_> {
        /// The event that the draft becomes by itself.
        pub(crate) fn stamp(&self, stamp: &Stamp<'_>) -> Event {
            let mut encoder = Encoder::default();
            let encoded = encoder.encode(self, stamp);
            encoded.expect("the draft keeps the rules");
            Event::copied(encoder.last())
        }
    }

    pub(in crate::event) fn any_draft() -> impl Strategy<Value = Draft<'static>> {
        let text = || proptest::option::of("[ -~ä→]{1,20}".prop_map(Cow::Owned));
        let value = prop_oneof![
            any::<bool>().prop_map(ExtensionValue::Boolean),
            any::<i32>().prop_map(ExtensionValue::Integer),
            "[ -~]{0,12}".prop_map(|text| ExtensionValue::String(Cow::Owned(text))),
        ];
        let name = prop_oneof![
            9 => "x[a-z0-9]{1,8}",
            1 => Just("sequence".to_owned()),
        ];
        let extensions = proptest::collection::btree_map(name, value, 0..4);
        let source = proptest::option::of("(/[a-z0-9._~-]{1,6}){1,3}".prop_map(Cow::Owned));
        let time = "(19|20)[0-9]{2}-0[1-9]-[12][0-8]T[01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]0[0-9]:30)";
        let time = proptest::option::of(time.prop_map(Cow::Owned));
        let data = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..64));
        let head = ("[a-z.]{1,30}", text(), source, text(), time, text());
        let tail = (data, any::<bool>(), text(), text(), extensions);
        (head, tail).prop_map(|((kind, id, source, subject, time, content), tail)| {
            let (data, distributed, traceparent, tracestate, extensions) = tail;
            let event_type = EventType::custom(&kind)
                .expect("valid by its strategy")
                .into_owned();
            Draft {
                id,
                source,
                subject,
                time,
                datacontenttype: content,
                data: data.map(Cow::Owned),
                distributed,
                traceparent,
                tracestate,
                extensions: extensions
                    .into_iter()
                    .map(|(name, value)| (Cow::Owned(name), value))
                    .collect(),
                ..Draft::new(event_type)
            }
        })
    }

    pub(in crate::event) const STAMP: Stamp<'static> = Stamp {
        id: ["given", "-id"],
        source: "/nodes/a/clients/b",
        time: 1_700_000_000_123,
        origin: "a",
        sequence: None,
    };

    proptest! {
        #[test]
        fn what_is_encoded_reads_back(draft in any_draft()) {
            let event = draft.stamp(&STAMP);
            let expected = Draft {
                id: draft.id.clone().or(Some("given-id".into())),
                source: draft.source.clone().or(Some("/nodes/a/clients/b".into())),
                datacontenttype: Some(draft.datacontenttype().to_owned().into()),
                ..draft.clone()
            };
            prop_assert_eq!(event.to_draft(), expected);
            prop_assert_eq!(event.recorded_time(), STAMP.time);
            prop_assert_eq!(event.origin(), "a");
            prop_assert_eq!(event.sequence(), None);
            let length = u32::from_le_bytes(event.as_bytes()[..4].try_into().unwrap());
            prop_assert_eq!(length as usize, event.as_bytes().len());
        }
    }

    #[cfg(feature = "gateway")]
    #[test]
    fn a_number_is_given_to_one_that_is_shared_too() {
        let draft = Draft::new(EventType::custom("a").unwrap());
        let event = draft.stamp(&STAMP);
        let placed = event.clone().placed(7, STAMP.time + 1);
        assert_eq!((event.sequence(), placed.sequence()), (None, Some(7)));
        assert_eq!(event.recorded_time(), STAMP.time);
        assert_eq!(placed.recorded_time(), STAMP.time + 1);
        assert_eq!(event.placed(8, STAMP.time).sequence(), Some(8));
    }

    #[test]
    fn a_channel_s_sequence_goes_before_the_producer_s() {
        let draft = Draft {
            extensions: vec![("sequence".into(), ExtensionValue::Integer(3))],
            ..Draft::new(EventType::custom("a").unwrap())
        };
        let names = |sequence| {
            let event = draft.stamp(&Stamp { sequence, ..STAMP });
            let extensions = event.extensions();
            let names = extensions.map(|(name, _)| name.to_owned());
            (event.sequence(), names.collect::<Vec<_>>())
        };
        assert_eq!(names(None), (None, vec!["sequence".to_owned()]));
        let stored = vec!["producersequence".to_owned()];
        assert_eq!(names(Some(7)), (Some(7), stored));
    }
}
