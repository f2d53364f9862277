use proptest::prelude::*;

use super::*;
use crate::extension::ExtensionKind;

/// The same as [`Fields`] and extensions, owning.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    texts: Vec<String>,
    optional: Vec<Option<String>>,
    time: u64,
    sequence: Option<u64>,
    distributed: bool,
    data: Option<Vec<u8>>,
    extensions: Vec<(String, ExtensionKind, String)>,
}

pub(crate) fn any_event() -> impl Strategy<Value = Owned> {
    let kind = prop_oneof![
        Just(ExtensionKind::Boolean),
        Just(ExtensionKind::Integer),
        Just(ExtensionKind::String),
    ];
    let extension = ("[a-z0-9]{1,20}", kind, "[ -~ä→]{0,12}");
    (
        proptest::collection::vec("[ -~ä→]{0,20}", 6),
        proptest::collection::vec(proptest::option::of("[ -~ä→]{1,20}"), 4),
        any::<u64>(),
        proptest::option::of(any::<u64>()),
        any::<bool>(),
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..64)),
        proptest::collection::vec(extension, 0..4),
    )
        .prop_map(
            |(texts, optional, time, sequence, distributed, data, extensions)| Owned {
                texts,
                optional,
                time,
                sequence,
                distributed,
                data,
                extensions,
            },
        )
}

impl Owned {
    fn fields(&self) -> Fields<'_> {
        Fields {
            event_type: &self.texts[0],
            id: [&self.texts[1], &self.texts[2]],
            source: &self.texts[3],
            datacontenttype: &self.texts[4],
            origin: &self.texts[5],
            subject: self.optional[0].as_deref(),
            channel: self.optional[1].as_deref(),
            traceparent: self.optional[2].as_deref(),
            tracestate: self.optional[3].as_deref(),
            time: self.time,
            sequence: self.sequence,
            distributed: self.distributed,
            data: self.data.as_deref(),
        }
    }

    fn extensions(&self) -> impl Iterator<Item = (&str, ExtensionKind, &String)> {
        let extensions = self.extensions.iter();
        extensions.map(|(name, kind, value)| (name.as_str(), *kind, value))
    }

    pub(crate) fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(&self.fields(), self.extensions(), &mut bytes);
        bytes
    }
}

proptest! {
    #[test]
    fn what_is_encoded_reads_back(expected in any_event(), behind in any::<[u8; 3]>()) {
        let bytes = [expected.encoded().as_slice(), &behind].concat();
        let (event, rest) = EventRef::take(&bytes).expect("encoded");
        prop_assert_eq!(rest, behind);
        let fields = expected.fields();
        prop_assert_eq!(event.event_type(), fields.event_type);
        prop_assert_eq!(event.id(), fields.id.concat());
        prop_assert_eq!(event.source(), fields.source);
        prop_assert_eq!(event.subject(), fields.subject);
        prop_assert_eq!(event.time(), fields.time);
        prop_assert_eq!(event.datacontenttype(), fields.datacontenttype);
        prop_assert_eq!(event.data(), fields.data);
        prop_assert_eq!(event.distributed(), fields.distributed);
        prop_assert_eq!(event.origin(), fields.origin);
        prop_assert_eq!(event.channel(), fields.channel);
        prop_assert_eq!(event.sequence(), fields.sequence);
        prop_assert_eq!(event.traceparent(), fields.traceparent);
        prop_assert_eq!(event.tracestate(), fields.tracestate);
        prop_assert_eq!(event.type_bytes(), event.event_type().as_bytes());
        for (attribute, text) in [
            (Attribute::Id, Some(event.id())),
            (Attribute::Source, Some(event.source())),
            (Attribute::Subject, event.subject()),
            (Attribute::DataContentType, Some(event.datacontenttype())),
            (Attribute::Origin, Some(event.origin())),
            (Attribute::Channel, event.channel()),
            (Attribute::TraceParent, event.traceparent()),
            (Attribute::TraceState, event.tracestate()),
        ] {
            let bytes = event.attribute_bytes(attribute);
            prop_assert_eq!(bytes, text.unwrap_or_default().as_bytes());
        }
        let extensions: Vec<_> = event.extensions()
            .map(|(name, kind, value)| (name.to_owned(), kind, value.to_owned()))
            .collect();
        prop_assert_eq!(extensions, expected.extensions.clone());
    }

    #[test]
    fn an_event_like_the_last_is_encoded_as_any_other(
        before in any_event(),
        end_of_id in "[ -~]{0,3}",
        time in any::<u64>(),
        sequence in proptest::option::of(any::<u64>()),
        data in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..64)),
    ) {
        let own = |end_of_id| Renewed { end_of_id, time, sequence, data: data.as_deref() };
        let mut encoder = Encoder::default();
        prop_assert!(!encoder.renew(own(&end_of_id)));
        let mut like = before.clone();
        like.texts[2] = "x".repeat(end_of_id.len());
        encoder.encode(&like.fields(), like.extensions());
        prop_assert!(encoder.renew(own(&end_of_id)));
        let mut texts = before.texts.clone();
        texts[2].clone_from(&end_of_id);
        let after = Owned { texts, time, sequence, data: data.clone(), ..before };
        prop_assert_eq!(encoder.as_bytes(), after.encoded());

        let longer = format!("{end_of_id}#");
        prop_assert!(!encoder.renew(own(&longer)));
        prop_assert_eq!(encoder.as_bytes(), after.encoded());
    }

    #[test]
    fn a_part_of_an_event_is_none(event in any_event(), part in any::<prop::sample::Index>()) {
        let bytes = event.encoded();
        let part = &bytes[..part.index(bytes.len())];
        let cut_off = matches!(EventRef::take(part), Err(Malformed::CutOff { .. }));
        prop_assert!(cut_off);
    }

    #[test]
    fn nonsense_reads_without_a_panic(
        event in any_event(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = event.encoded();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        for event in [EventRef::assume_encoded(&bytes), EventRef::take(&bytes).map_or(EventRef::assume_encoded(&[]), |(event, _)| event)] {
            read_all(event);
        }
    }

    #[test]
    fn noise_reads_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
        read_all(EventRef::assume_encoded(&bytes));
        let _ = EventRef::take(&bytes);
    }
}

fn read_all(event: EventRef<'_>) {
    let texts = [
        event.event_type(),
        event.id(),
        event.source(),
        event.datacontenttype(),
        event.origin(),
    ];
    let optional = [
        event.subject(),
        event.channel(),
        event.traceparent(),
        event.tracestate(),
    ];
    let extensions = event.extensions().count();
    std::hint::black_box((
        texts,
        optional,
        extensions,
        event.data(),
        event.time(),
        event.sequence(),
        event.distributed(),
    ));
}
