use proptest::prelude::*;

use super::*;
use crate::extension::ExtensionKind;

/// The same as [`Fields`] and extensions, owning.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    texts: Vec<String>,
    optional: Vec<Option<String>>,
    recorded_time: u64,
    producer_time: Option<String>,
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
        (any::<u64>(), proptest::option::of("[0-9TZ:.+-]{1,30}")),
        proptest::option::of(any::<u64>()),
        any::<bool>(),
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..64)),
        proptest::collection::vec(extension, 0..4),
    )
        .prop_map(
            |(
                texts,
                optional,
                (recorded_time, producer_time),
                sequence,
                distributed,
                data,
                extensions,
            )| Owned {
                texts,
                optional,
                recorded_time,
                producer_time,
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
            recorded_time: self.recorded_time,
            producer_time: self.producer_time.as_deref(),
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
        prop_assert_eq!(event.recorded_time(), fields.recorded_time);
        prop_assert_eq!(event.producer_time(), fields.producer_time);
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
        recorded_time in any::<u64>(),
        sequence in proptest::option::of(any::<u64>()),
        data in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..64)),
    ) {
        let own = |end_of_id| Renewed { end_of_id, recorded_time, sequence, data: data.as_deref() };
        let mut encoder = Encoder::default();
        prop_assert!(!encoder.renew(own(&end_of_id)));
        let mut like = before.clone();
        like.texts[2] = "x".repeat(end_of_id.len());
        encoder.encode(&like.fields(), like.extensions());
        prop_assert!(encoder.renew(own(&end_of_id)));
        let mut texts = before.texts.clone();
        texts[2].clone_from(&end_of_id);
        let after = Owned { texts, recorded_time, sequence, data: data.clone(), ..before };
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
        event.recorded_time(),
        event.producer_time(),
        event.sequence(),
        event.distributed(),
    ));
}

/// Layout 1, byte by byte. Components and nodes of earlier versions read and write it:
/// a change that this test notices needs a layout of its own.
#[test]
fn the_layout_is_as_it_was() {
    let fields = Fields {
        event_type: "custom.a",
        id: ["i-", "1"],
        source: "/s",
        subject: Some("su"),
        recorded_time: 0x0102_0304_0506_0708,
        producer_time: None,
        datacontenttype: "text/x",
        data: Some(b"\x00\xff"),
        distributed: true,
        origin: "n",
        channel: Some("c"),
        sequence: Some(9),
        traceparent: Some("tp"),
        tracestate: Some("ts"),
    };
    let mut bytes = Vec::new();
    encode(&fields, [("x", ExtensionKind::Integer, "7")], &mut bytes);
    let expected: &[&[u8]] = &[
        &[83, 0, 0, 0, 1, 7, 8, 0],
        &[8, 7, 6, 5, 4, 3, 2, 1],
        &[9, 0, 0, 0, 0, 0, 0, 0],
        &[3, 0, 2, 0, 2, 0, 6, 0, 1, 0, 1, 0, 2, 0, 2, 0],
        &[6, 0, 0, 0, 2, 0, 0, 0],
        b"custom.ai-1/ssutext/xnctpts",
        b"\x01x\x01\x01\x007",
        b"\x00\xff",
    ];
    assert_eq!(bytes, expected.concat());
}

#[test]
fn what_the_producer_says_travels_as_extensions_of_the_layout() {
    let encoded = |sequence| {
        let fields = Fields {
            producer_time: Some("2020-01-01T00:00:00Z"),
            sequence,
            ..Fields::default()
        };
        let extensions = [
            ("sequence", ExtensionKind::String, "0001"),
            ("sequencetype", ExtensionKind::String, "Integer"),
        ];
        let mut bytes = Vec::new();
        encode(&fields, extensions, &mut bytes);
        bytes
    };
    let names = |bytes: &[u8]| -> (Vec<String>, Vec<String>) {
        let (event, _) = EventRef::take(bytes).expect("encoded");
        assert_eq!(event.producer_time(), Some("2020-01-01T00:00:00Z"));
        let encoded = event.encoded_extensions();
        let encoded = encoded.map(|(name, ..)| name.to_owned()).collect();
        let outside = event.extensions().map(|(name, ..)| name.to_owned());
        (encoded, outside.collect())
    };
    let inside = ["producertime", "producersequence", "sequencetype"];
    let inside: Vec<String> = inside.map(str::to_owned).into();
    let live = ["sequence", "sequencetype"].map(str::to_owned).into();
    assert_eq!(names(&encoded(None)), (inside.clone(), live));
    let of_a_channel = ["producersequence", "sequencetype"]
        .map(str::to_owned)
        .into();
    assert_eq!(names(&encoded(Some(7))), (inside, of_a_channel));
}
