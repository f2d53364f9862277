//! Reading events in place.

use std::fmt;

use super::fields::Attribute;
use super::layout::{
    ATTRIBUTES, ATTRIBUTES_AT, DATA_AT, DISTRIBUTED, EXTENSIONS_AT, FLAGS_AT, HAS_DATA,
    HAS_SEQUENCE, HEADER, LAYOUT, LENGTH_AT, PRODUCER_SEQUENCE, PRODUCER_TIME, SEQUENCE,
    SEQUENCE_AT, TIME_AT, TYPE_AT, VERSION_AT,
};
use crate::extension::{ExtensionKind, Extensions};

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
        // Of known length, so that no read of it needs a check of its own.
        let header: &[u8; HEADER] = bytes.first_chunk().ok_or(cut_off(HEADER))?;
        if header[VERSION_AT] != LAYOUT {
            return Err(Malformed::Version(header[VERSION_AT]));
        }
        let u16_at = |at| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let u32_at = |at| {
            let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
            u32::from_le_bytes(bytes) as usize
        };
        let whole = u32_at(LENGTH_AT);
        let mut parts = HEADER + u16_at(TYPE_AT);
        for attribute in 0..ATTRIBUTES {
            parts += u16_at(ATTRIBUTES_AT + 2 * attribute);
        }
        let parts = parts
            .saturating_add(u32_at(EXTENSIONS_AT))
            .saturating_add(u32_at(DATA_AT));
        if parts != whole {
            return Err(Malformed::Lengths { parts, whole });
        }
        let (event, rest) = bytes.split_at_checked(whole).ok_or(cut_off(whole))?;
        Ok((Self(event), rest))
    }

    /// Reads bytes that [`encode`](super::encode()) wrote. Of any others the attributes read as
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
        text(self.type_bytes())
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
    pub fn recorded_time(self) -> u64 {
        self.u64_at(TIME_AT)
    }

    /// When it happened, as its producer said, in RFC 3339; absent when the producer did
    /// not say: then it counts as having happened when it was recorded.
    #[must_use]
    #[inline]
    pub fn producer_time(self) -> Option<&'a str> {
        let mut extensions = self.encoded_extensions();
        extensions.find_map(|(name, _, value)| (name == PRODUCER_TIME).then_some(value))
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
        (self.flags() & HAS_SEQUENCE != 0).then(|| self.u64_at(SEQUENCE_AT))
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

    /// The other CloudEvents extension attributes, under their names outside: the
    /// producer's `sequence` under that name, unless the event has a sequence within a
    /// channel.
    #[inline]
    pub fn extensions(self) -> impl Iterator<Item = (&'a str, ExtensionKind, &'a str)> {
        let in_channel = self.flags() & HAS_SEQUENCE != 0;
        let outside = move |(name, kind, value)| match name {
            PRODUCER_TIME => None,
            PRODUCER_SEQUENCE if !in_channel => Some((SEQUENCE, kind, value)),
            name => Some((name, kind, value)),
        };
        self.encoded_extensions().filter_map(outside)
    }

    /// The extensions as they are encoded.
    #[must_use]
    #[inline]
    pub fn encoded_extensions(self) -> Extensions<'a> {
        let end = self.data_start();
        let start = end.saturating_sub(self.u32_at(EXTENSIONS_AT));
        Extensions::new(self.0.get(start..end).unwrap_or_default())
    }

    /// The type and the attributes, one behind the other, as they were encoded.
    #[must_use]
    #[inline]
    pub fn texts(self) -> &'a [u8] {
        let extensions = self.u32_at(EXTENSIONS_AT);
        let end = self.data_start().saturating_sub(extensions);
        self.0.get(HEADER..end).unwrap_or_default()
    }

    /// The type as bytes: to compare it, at less cost than to read it.
    #[must_use]
    #[inline]
    pub fn type_bytes(self) -> &'a [u8] {
        let bytes = usize::from(self.u16_at(TYPE_AT));
        self.0.get(HEADER..HEADER + bytes).unwrap_or_default()
    }

    /// An attribute as bytes, none where it is absent: to compare it, at less cost than
    /// to read it.
    #[must_use]
    #[inline]
    pub fn attribute_bytes(self, attribute: Attribute) -> &'a [u8] {
        // Of known length, so that no read of it needs a check of its own.
        let Some(header) = self.0.first_chunk::<HEADER>() else {
            return &[];
        };
        let length = |at| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let lengths_before = (0..attribute as usize).map(|index| length(ATTRIBUTES_AT + 2 * index));
        let start = HEADER + length(TYPE_AT) + lengths_before.sum::<usize>();
        let end = start + length(ATTRIBUTES_AT + 2 * attribute as usize);
        self.0.get(start..end).unwrap_or_default()
    }

    #[inline]
    fn flags(self) -> u8 {
        self.0.get(FLAGS_AT).copied().unwrap_or_default()
    }

    #[inline]
    fn optional(self, attribute: Attribute) -> Option<&'a str> {
        Some(self.attribute(attribute)).filter(|value| !value.is_empty())
    }

    #[inline]
    fn attribute(self, attribute: Attribute) -> &'a str {
        text(self.attribute_bytes(attribute))
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

#[inline]
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

impl fmt::Debug for EventRef<'_> {
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
