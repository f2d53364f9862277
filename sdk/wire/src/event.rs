//! One event.
//!
//! All integers are little-endian.
//!
//! ```text
//!  0  u32  length of the whole event
//!  4  u8   version of this layout, 1
//!  5  u8   flags: 1 distributed, 2 has data, 4 has a sequence
//!  6  u16  bytes of type
//!  8  u64  time, milliseconds since the Unix epoch
//! 16  u64  sequence within the channel
//! 24  u16  bytes of id, source, subject, datacontenttype, origin, channel,
//!          traceparent, tracestate (0 where absent), in this order
//! 40  u32  bytes of extensions
//! 44  u32  bytes of data
//! 48       type, the eight attributes, extensions, data
//! ```

use crate::extension::{self, ExtensionKind, Extensions};

const VERSION: u8 = 1;
const HEADER: usize = 48;
const LENGTH_AT: usize = 0;
const EXTENSIONS_AT: usize = 40;
const ATTRIBUTES_AT: usize = 24;
const DATA_AT: usize = 44;
const DISTRIBUTED: u8 = 1;
const HAS_DATA: u8 = 2;
const HAS_SEQUENCE: u8 = 4;

/// The attributes of variable length behind the type, in encoded order.
#[derive(Clone, Copy)]
enum Attribute {
    Id,
    Source,
    Subject,
    DataContentType,
    Origin,
    Channel,
    TraceParent,
    TraceState,
}

const ATTRIBUTES: usize = 8;

/// What an event consists of. An absent attribute and an empty one are the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields<'a> {
    /// Dotted name, e.g. `custom.cart.added`.
    pub event_type: &'a str,
    /// Unique for each source; in two pieces, so that a prefix and a number need
    /// not be joined first.
    pub id: [&'a str; 2],
    /// URI reference of the publisher.
    pub source: &'a str,
    /// The thing that the event is about.
    pub subject: Option<&'a str>,
    /// Milliseconds since the Unix epoch.
    pub time: u64,
    /// Media type of the data.
    pub datacontenttype: &'a str,
    /// The payload.
    pub data: Option<&'a [u8]>,
    /// Whether the event is sent to every node.
    pub distributed: bool,
    /// Name of the node where the event was published.
    pub origin: &'a str,
    /// The durable channel that the event belongs to.
    pub channel: Option<&'a str>,
    /// Position within the channel, from 1.
    pub sequence: Option<u64>,
    /// W3C trace context.
    pub traceparent: Option<&'a str>,
    /// W3C trace context.
    pub tracestate: Option<&'a str>,
}

/// Appends an event to `out`. Each extension is a name of at most 255 bytes, its
/// kind, and its value in canonical string form.
///
/// # Panics
/// When the type, an attribute or an extension's value has more than 65,535 bytes,
/// or the whole event more than 4 GiB. Whoever encodes has checked that before.
pub fn encode<'a, V: AsRef<str>>(
    fields: &Fields<'_>,
    extensions: impl IntoIterator<Item = (&'a str, ExtensionKind, V)>,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    let data = fields.data.unwrap_or_default();
    let attributes: [&str; ATTRIBUTES] = [
        fields.id[0],
        fields.source,
        fields.subject.unwrap_or_default(),
        fields.datacontenttype,
        fields.origin,
        fields.channel.unwrap_or_default(),
        fields.traceparent.unwrap_or_default(),
        fields.tracestate.unwrap_or_default(),
    ];
    let mut flags = 0;
    if fields.distributed {
        flags |= DISTRIBUTED;
    }
    if fields.data.is_some() {
        flags |= HAS_DATA;
    }
    if fields.sequence.is_some() {
        flags |= HAS_SEQUENCE;
    }
    let mut header = [0; HEADER];
    header[4] = VERSION;
    header[5] = flags;
    header[6..8].copy_from_slice(&u16_of(fields.event_type.len()).to_le_bytes());
    header[8..16].copy_from_slice(&fields.time.to_le_bytes());
    header[16..24].copy_from_slice(&fields.sequence.unwrap_or_default().to_le_bytes());
    let lengths = header[ATTRIBUTES_AT..EXTENSIONS_AT].chunks_exact_mut(2);
    for (length, value) in lengths.zip(attributes) {
        length.copy_from_slice(&u16_of(value.len()).to_le_bytes());
    }
    let id = u16_of(fields.id[0].len() + fields.id[1].len());
    header[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&id.to_le_bytes());
    header[DATA_AT..HEADER].copy_from_slice(&u32_of(data.len()).to_le_bytes());

    out.extend_from_slice(&header);
    out.extend_from_slice(fields.event_type.as_bytes());
    out.extend_from_slice(fields.id[0].as_bytes());
    out.extend_from_slice(fields.id[1].as_bytes());
    for value in &attributes[1..] {
        out.extend_from_slice(value.as_bytes());
    }
    let extensions_start = out.len();
    for (name, kind, value) in extensions {
        extension::encode(name, kind, value.as_ref(), out);
    }
    let extensions_len = u32_of(out.len() - extensions_start);
    out.extend_from_slice(data);
    let total = u32_of(out.len() - start);
    set_u32(out, start + LENGTH_AT, total);
    set_u32(out, start + EXTENSIONS_AT, extensions_len);
}

fn set_u32(out: &mut [u8], at: usize, value: u32) {
    out[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn u16_of(len: usize) -> u16 {
    u16::try_from(len).expect("attributes have at most 65,535 bytes")
}

fn u32_of(len: usize) -> u32 {
    u32::try_from(len).expect("an event has less than 4 GiB")
}

/// Bytes are not an encoded event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end before the event does.
    #[error("cut off: {have} bytes where {need} are needed")]
    CutOff {
        /// Bytes that there are.
        have: usize,
        /// Bytes that there would have to be.
        need: usize,
    },
    /// Written by a version of the encoding that this one cannot read.
    #[error("version {0} of the encoding of events is not known")]
    Version(u8),
    /// The lengths of the parts do not add up to the length of the event.
    #[error("the parts of the event have {parts} bytes, the whole has {whole}")]
    Lengths {
        /// Sum of the parts.
        parts: usize,
        /// What the event says of itself.
        whole: usize,
    },
}

/// An encoded event, read in place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EventRef<'a>(&'a [u8]);

impl<'a> EventRef<'a> {
    /// Takes the event with which `bytes` begins; returns it and what follows.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes do not begin with an event. Texts are looked
    /// at only when they are read.
    #[inline]
    pub fn take(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Malformed> {
        let cut_off = |need| Malformed::CutOff {
            have: bytes.len(),
            need,
        };
        let header = Self(bytes.get(..HEADER).ok_or(cut_off(HEADER))?);
        let version = header.0[4];
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        let whole = header.u32_at(LENGTH_AT);
        let attributes = (0..ATTRIBUTES).map(|index| header.attribute_len(index));
        let parts = [HEADER, usize::from(header.u16_at(6))]
            .into_iter()
            .chain(attributes)
            .chain([header.u32_at(EXTENSIONS_AT), header.u32_at(DATA_AT)])
            .fold(0, usize::saturating_add);
        if parts != whole {
            return Err(Malformed::Lengths { parts, whole });
        }
        let (event, rest) = bytes.split_at_checked(whole).ok_or(cut_off(whole))?;
        Ok((Self(event), rest))
    }

    /// Reads bytes that [`encode`] wrote. Of any others the attributes read as
    /// absent or as nonsense.
    #[must_use]
    #[inline]
    pub fn assume_encoded(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The encoded event.
    #[must_use]
    #[inline]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Type, e.g. `custom.cart.added`.
    #[must_use]
    #[inline]
    pub fn event_type(self) -> &'a str {
        self.text(HEADER, usize::from(self.u16_at(6)))
    }

    /// Unique for each [`EventRef::source`].
    #[must_use]
    #[inline]
    pub fn id(self) -> &'a str {
        self.attribute(Attribute::Id)
    }

    /// URI reference of the publisher.
    #[must_use]
    #[inline]
    pub fn source(self) -> &'a str {
        self.attribute(Attribute::Source)
    }

    /// The thing that the event is about.
    #[must_use]
    #[inline]
    pub fn subject(self) -> Option<&'a str> {
        self.optional(Attribute::Subject)
    }

    /// Milliseconds since the Unix epoch at which the node of origin took the event.
    #[must_use]
    #[inline]
    pub fn time(self) -> u64 {
        self.u64_at(8)
    }

    /// Media type of the data.
    #[must_use]
    #[inline]
    pub fn datacontenttype(self) -> &'a str {
        self.attribute(Attribute::DataContentType)
    }

    /// The payload; `None` when the event has none.
    #[must_use]
    #[inline]
    pub fn data(self) -> Option<&'a [u8]> {
        let (_, data) = self.0.split_at_checked(self.data_start())?;
        (self.flags() & HAS_DATA != 0).then_some(data)
    }

    /// Whether the event is sent to every node.
    #[must_use]
    #[inline]
    pub fn distributed(self) -> bool {
        self.flags() & DISTRIBUTED != 0
    }

    /// Name of the node where the event was published.
    #[must_use]
    #[inline]
    pub fn origin(self) -> &'a str {
        self.attribute(Attribute::Origin)
    }

    /// The durable channel that the event belongs to.
    #[must_use]
    #[inline]
    pub fn channel(self) -> Option<&'a str> {
        self.optional(Attribute::Channel)
    }

    /// Position within the channel, from 1.
    #[must_use]
    #[inline]
    pub fn sequence(self) -> Option<u64> {
        (self.flags() & HAS_SEQUENCE != 0).then(|| self.u64_at(16))
    }

    /// W3C trace context.
    #[must_use]
    #[inline]
    pub fn traceparent(self) -> Option<&'a str> {
        self.optional(Attribute::TraceParent)
    }

    /// W3C trace context.
    #[must_use]
    #[inline]
    pub fn tracestate(self) -> Option<&'a str> {
        self.optional(Attribute::TraceState)
    }

    /// The other CloudEvents extension attributes.
    #[must_use]
    #[inline]
    pub fn extensions(self) -> Extensions<'a> {
        let end = self.data_start();
        let start = end.saturating_sub(self.u32_at(EXTENSIONS_AT));
        Extensions::new(self.0.get(start..end).unwrap_or_default())
    }

    #[inline]
    fn flags(self) -> u8 {
        self.0.get(5).copied().unwrap_or_default()
    }

    #[inline]
    fn optional(self, attribute: Attribute) -> Option<&'a str> {
        Some(self.attribute(attribute)).filter(|value| !value.is_empty())
    }

    #[inline]
    fn attribute(self, attribute: Attribute) -> &'a str {
        let index = attribute as usize;
        let before: usize = (0..index).map(|index| self.attribute_len(index)).sum();
        let start = HEADER + usize::from(self.u16_at(6)) + before;
        self.text(start, self.attribute_len(index))
    }

    #[inline]
    fn attribute_len(self, index: usize) -> usize {
        usize::from(self.u16_at(ATTRIBUTES_AT + 2 * index))
    }

    #[inline]
    fn text(self, start: usize, len: usize) -> &'a str {
        let bytes = self.0.get(start..start + len).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    #[inline]
    fn data_start(self) -> usize {
        self.0.len().saturating_sub(self.u32_at(DATA_AT))
    }

    #[inline]
    fn u16_at(self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    #[inline]
    fn u32_at(self, at: usize) -> usize {
        u32::from_le_bytes(self.array(at)) as usize
    }

    #[inline]
    fn u64_at(self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    #[inline]
    fn array<const N: usize>(self, at: usize) -> [u8; N] {
        let bytes = self.0.get(at..).and_then(|bytes| bytes.first_chunk());
        bytes.copied().unwrap_or([0; N])
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

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

        pub(crate) fn encoded(&self) -> Vec<u8> {
            let mut bytes = Vec::new();
            let extensions = self.extensions.iter();
            let extensions = extensions.map(|(name, kind, value)| (name.as_str(), *kind, value));
            encode(&self.fields(), extensions, &mut bytes);
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
            let extensions: Vec<_> = event.extensions()
                .map(|(name, kind, value)| (name.to_owned(), kind, value.to_owned()))
                .collect();
            prop_assert_eq!(extensions, expected.extensions.clone());
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
}
