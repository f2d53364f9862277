//! One event.
//!
//! All integers are little-endian.
//!
//! ```text
//!  0  u32  length of the whole event
//!  4  u8   number of this layout, 1
//!  5  u8   flags: 1 distributed, 2 has data, 4 has a sequence
//!  6  u16  bytes of type
//!  8  u64  recorded time, milliseconds since the Unix epoch
//! 16  u64  sequence within the channel
//! 24  u16  bytes of id, source, subject, datacontenttype, origin, channel,
//!          traceparent, tracestate (0 where absent), in this order
//! 40  u32  bytes of extensions
//! 44  u32  bytes of data
//! 48       type, the eight attributes, extensions, data
//! ```
//!
//! # Layouts
//! The version of a listener's package says which layout its frames have: that of
//! `hearken:plugin@0.1.0` and `@0.2.0` is layout 1, which never changes again. What
//! an event may have beyond it travels as extensions, which every reader of the
//! layout passes on whether it knows them or not. A layout 2 would belong to a later
//! version of the package; listeners of the ones before would get their events
//! encoded anew, in theirs.
//!
//! Two attributes of producers travel as extensions under names of their own, because
//! the layout has taken theirs for what the node of origin says: [`PRODUCER_TIME`] and
//! [`PRODUCER_SEQUENCE`]. [`encode`] and [`EventRef`] translate them.

mod encode;

use std::fmt;

use crate::extension::{ExtensionKind, Extensions};

pub use encode::{Encoder, Renewed, encode};

/// Number of the layout that this crate writes and reads.
pub const LAYOUT: u8 = 1;

/// The extension as which a producer's own `time` travels.
pub const PRODUCER_TIME: &str = "producertime";

/// The extension as which a producer's own `sequence` travels.
pub const PRODUCER_SEQUENCE: &str = "producersequence";

/// What [`PRODUCER_SEQUENCE`] is called outside, unless the event has a sequence within a
/// channel.
const SEQUENCE: &str = "sequence";

const HEADER: usize = 48;
const LENGTH_AT: usize = 0;
const VERSION_AT: usize = 4;
const FLAGS_AT: usize = 5;
const TYPE_AT: usize = 6;
const TIME_AT: usize = 8;
const SEQUENCE_AT: usize = 16;
const EXTENSIONS_AT: usize = 40;
const ATTRIBUTES_AT: usize = 24;
const DATA_AT: usize = 44;
const DISTRIBUTED: u8 = 1;
const HAS_DATA: u8 = 2;
const HAS_SEQUENCE: u8 = 4;

/// The attributes of variable length behind the type, in encoded order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are those of `Fields`")]
pub enum Attribute {
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
    /// When the node of origin took it, in milliseconds since the Unix epoch.
    pub recorded_time: u64,
    /// When it happened, as its producer said, in RFC 3339; absent: when it was recorded.
    pub producer_time: Option<&'a str>,
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

#[cfg(test)]
pub(crate) mod tests;
