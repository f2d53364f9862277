//! The one encoding of an event: an immutable buffer made at publish, from
//! which everything downstream reads or copies.
//!
//! All integers are little-endian.
//!
//! ```text
//!  0  u32  length of the whole buffer
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
//! An extension is `u8` bytes of name, name, `u8` kind (0 Boolean, 1 Integer,
//! 2 String), `u16` bytes of value, value.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{Draft, EventType, ExtensionValue};

const VERSION: u8 = 1;
const HEADER: usize = 48;
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

/// A published event; cloning shares the buffer.
#[derive(Clone, PartialEq, Eq)]
pub struct Event(Arc<[u8]>);

/// What the node of origin adds to a draft.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// Id for a draft that has none.
    pub id: &'a str,
    /// Source for a draft that has none.
    pub source: &'a str,
    /// Milliseconds since the Unix epoch.
    pub time: u64,
    /// Name of the node.
    pub origin: &'a str,
    /// Position in the draft's channel.
    pub sequence: Option<u64>,
}

impl Event {
    pub(super) fn encode(draft: &Draft<'_>, stamp: &Stamp<'_>) -> Self {
        let event_type = draft.event_type.as_str();
        let attributes: [&str; ATTRIBUTES] = [
            draft.id.as_deref().unwrap_or(stamp.id),
            draft.source.as_deref().unwrap_or(stamp.source),
            draft.subject.as_deref().unwrap_or_default(),
            draft.datacontenttype(),
            stamp.origin,
            draft.channel.as_deref().unwrap_or_default(),
            draft.traceparent.as_deref().unwrap_or_default(),
            draft.tracestate.as_deref().unwrap_or_default(),
        ];
        let extensions: usize = draft.extensions.iter().map(extension_len).sum();
        let data = draft.data.as_deref().unwrap_or_default();
        let total = HEADER
            + event_type.len()
            + attributes.iter().map(|value| value.len()).sum::<usize>()
            + extensions
            + data.len();

        let mut flags = 0;
        if draft.distributed {
            flags |= DISTRIBUTED;
        }
        if draft.data.is_some() {
            flags |= HAS_DATA;
        }
        if stamp.sequence.is_some() {
            flags |= HAS_SEQUENCE;
        }
        let mut buffer = Vec::with_capacity(total);
        buffer.extend_from_slice(&u32_of(total).to_le_bytes());
        buffer.extend_from_slice(&[VERSION, flags]);
        buffer.extend_from_slice(&u16_of(event_type.len()).to_le_bytes());
        buffer.extend_from_slice(&stamp.time.to_le_bytes());
        buffer.extend_from_slice(&stamp.sequence.unwrap_or_default().to_le_bytes());
        for value in attributes {
            buffer.extend_from_slice(&u16_of(value.len()).to_le_bytes());
        }
        buffer.extend_from_slice(&u32_of(extensions).to_le_bytes());
        buffer.extend_from_slice(&u32_of(data.len()).to_le_bytes());
        buffer.extend_from_slice(event_type.as_bytes());
        for value in attributes {
            buffer.extend_from_slice(value.as_bytes());
        }
        for extension in &draft.extensions {
            encode_extension(&mut buffer, extension);
        }
        buffer.extend_from_slice(data);
        debug_assert_eq!(buffer.len(), total);
        Self(buffer.into())
    }

    /// The encoded event; its first four bytes are its length.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Type, e.g. `custom.cart.added`.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.text(HEADER, usize::from(self.u16_at(6)))
    }

    /// Unique for each [`Event::source`].
    #[must_use]
    pub fn id(&self) -> &str {
        self.attribute(Attribute::Id)
    }

    /// URI reference of the publisher.
    #[must_use]
    pub fn source(&self) -> &str {
        self.attribute(Attribute::Source)
    }

    /// The thing that the event is about.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.optional(Attribute::Subject)
    }

    /// Milliseconds since the Unix epoch at which the node of origin took the event.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.u64_at(8)
    }

    /// Media type of the data.
    #[must_use]
    pub fn datacontenttype(&self) -> &str {
        self.attribute(Attribute::DataContentType)
    }

    /// The payload; `None` when the event has none.
    #[must_use]
    pub fn data(&self) -> Option<&[u8]> {
        let data = &self.0[self.0.len() - self.data_len()..];
        (self.0[5] & HAS_DATA != 0).then_some(data)
    }

    /// Whether the event is sent to every node.
    #[must_use]
    pub fn distributed(&self) -> bool {
        self.0[5] & DISTRIBUTED != 0
    }

    /// Name of the node where the event was published.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.attribute(Attribute::Origin)
    }

    /// The durable channel that the event belongs to.
    #[must_use]
    pub fn channel(&self) -> Option<&str> {
        self.optional(Attribute::Channel)
    }

    /// Position within the channel, from 1.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        (self.0[5] & HAS_SEQUENCE != 0).then(|| self.u64_at(16))
    }

    /// W3C trace context.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.optional(Attribute::TraceParent)
    }

    /// W3C trace context.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.optional(Attribute::TraceState)
    }

    /// The other CloudEvents extension attributes.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, ExtensionValue<'_>)> {
        let end = self.0.len() - self.data_len();
        let start = end - self.u32_at(40) as usize;
        Extensions(&self.0[start..end])
    }

    /// The event as a draft, e.g. to publish it again. Time, origin and
    /// sequence are the node's to give and so are left out.
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

    fn optional(&self, attribute: Attribute) -> Option<&str> {
        Some(self.attribute(attribute)).filter(|value| !value.is_empty())
    }

    fn attribute(&self, attribute: Attribute) -> &str {
        let index = attribute as usize;
        let len = |index: usize| usize::from(self.u16_at(24 + 2 * index));
        let start = HEADER + usize::from(self.u16_at(6)) + (0..index).map(len).sum::<usize>();
        self.text(start, len(index))
    }

    fn text(&self, start: usize, len: usize) -> &str {
        std::str::from_utf8(&self.0[start..start + len]).expect("encoded from text")
    }

    fn data_len(&self) -> usize {
        self.u32_at(44) as usize
    }

    fn u16_at(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }

    fn u32_at(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    fn u64_at(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0[at..at + N].try_into().expect("a slice of N bytes")
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("type", &self.event_type())
            .field("id", &self.id())
            .field("source", &self.source())
            .field("subject", &self.subject())
            .field("data_bytes", &self.data().map(<[u8]>::len))
            .finish_non_exhaustive()
    }
}

struct Extensions<'a>(&'a [u8]);

impl<'a> Iterator for Extensions<'a> {
    type Item = (&'a str, ExtensionValue<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (&name_len, rest) = self.0.split_first()?;
        let (name, rest) = rest.split_at(usize::from(name_len));
        let (kind, rest) = (rest[0], &rest[1..]);
        let (len, rest) = rest.split_at(2);
        let (value, rest) = rest.split_at(usize::from(u16::from_le_bytes([len[0], len[1]])));
        self.0 = rest;
        let text = |bytes| std::str::from_utf8(bytes).expect("encoded from text");
        let value = match kind {
            0 => ExtensionValue::Boolean(value[0] != 0),
            1 => ExtensionValue::Integer(i32::from_le_bytes(
                value.try_into().expect("encoded from four bytes"),
            )),
            _ => ExtensionValue::String(Cow::Borrowed(text(value))),
        };
        Some((text(name), value))
    }
}

type Extension<'a> = (Cow<'a, str>, ExtensionValue<'a>);

fn extension_len((name, value): &Extension<'_>) -> usize {
    let value = match value {
        ExtensionValue::Boolean(_) => 1,
        ExtensionValue::Integer(_) => 4,
        ExtensionValue::String(text) => text.len(),
    };
    1 + name.len() + 1 + 2 + value
}

fn encode_extension(buffer: &mut Vec<u8>, (name, value): &Extension<'_>) {
    buffer.push(u8::try_from(name.len()).expect("checked: at most 20 bytes"));
    buffer.extend_from_slice(name.as_bytes());
    let mut put = |kind: u8, bytes: &[u8]| {
        buffer.push(kind);
        buffer.extend_from_slice(&u16_of(bytes.len()).to_le_bytes());
        buffer.extend_from_slice(bytes);
    };
    match value {
        ExtensionValue::Boolean(value) => put(0, &[u8::from(*value)]),
        ExtensionValue::Integer(value) => put(1, &value.to_le_bytes()),
        ExtensionValue::String(value) => put(2, value.as_bytes()),
    }
}

fn u16_of(len: usize) -> u16 {
    u16::try_from(len).expect("checked: attributes have at most 4,096 bytes")
}

fn u32_of(len: usize) -> u32 {
    u32::try_from(len).expect("checked: an event is far below 4 GiB")
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::event) fn any_draft() -> impl Strategy<Value = Draft<'static>> {
        let text = || proptest::option::of("[ -~ä→]{1,20}".prop_map(Cow::Owned));
        let value = prop_oneof![
            any::<bool>().prop_map(ExtensionValue::Boolean),
            any::<i32>().prop_map(ExtensionValue::Integer),
            "[ -~]{0,12}".prop_map(|text| ExtensionValue::String(Cow::Owned(text))),
        ];
        let extensions = proptest::collection::btree_map("x[a-z0-9]{1,8}", value, 0..4);
        let data = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..64));
        let head = ("[a-z.]{1,30}", text(), text(), text(), text());
        let tail = (data, any::<bool>(), text(), text(), extensions);
        (head, tail).prop_map(|((kind, id, source, subject, content), tail)| {
            let (data, distributed, traceparent, tracestate, extensions) = tail;
            let event_type = EventType::custom(&kind)
                .expect("valid by its strategy")
                .into_owned();
            Draft {
                id,
                source,
                subject,
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
        id: "given-id",
        source: "/nodes/a/clients/b",
        time: 1_700_000_000_123,
        origin: "a",
        sequence: Some(7),
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
            prop_assert_eq!(event.time(), STAMP.time);
            prop_assert_eq!(event.origin(), "a");
            prop_assert_eq!(event.sequence(), Some(7));
            let length = u32::from_le_bytes(event.as_bytes()[..4].try_into().unwrap());
            prop_assert_eq!(length as usize, event.as_bytes().len());
        }
    }
}
