//! Writing events.

use super::fields::{Attribute, Fields};
use super::layout::{
    ATTRIBUTES, ATTRIBUTES_AT, DATA_AT, DISTRIBUTED, EXTENSIONS_AT, FLAGS_AT, HAS_DATA,
    HAS_SEQUENCE, HEADER, LAYOUT, LENGTH_AT, PRODUCER_SEQUENCE, PRODUCER_TIME, SEQUENCE,
    SEQUENCE_AT, TIME_AT, TYPE_AT, VERSION_AT,
};
use crate::extension::{self, ExtensionKind};

/// Appends an event to `out`. Each extension is a name of at most 255 bytes, its
/// kind, and its value in canonical string form; the producer's own sequence is the
/// extension `sequence`.
///
/// # Panics
/// When the type, an attribute or an extension's value has more than 65,535 bytes,
/// or the whole event more than 4 GiB. Whoever encodes has checked that before.
pub fn encode<'a, V: AsRef<str>>(
    fields: &Fields<'_>,
    extensions: impl IntoIterator<Item = (&'a str, ExtensionKind, V)>,
    out: &mut Vec<u8>,
) {
    encode_head(fields, extensions, out);
    out.extend_from_slice(fields.data.unwrap_or_default());
}

/// Encodes one event after the other, into the same buffer: most have the attributes
/// of the one before, which then need not be written again.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    /// The last event.
    bytes: Vec<u8>,
    /// Where in them the second piece of the id begins.
    end_of_id: usize,
    /// How many bytes that piece has.
    end_of_id_len: usize,
    /// How many bytes are before the data.
    head: usize,
}

/// What an event may have of its own and be encoded by [`Encoder::renew`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Renewed<'a> {
    /// Second piece of the id.
    pub end_of_id: &'a str,
    /// When the node of origin took it, in milliseconds since the Unix epoch.
    pub recorded_time: u64,
    /// Position within the channel, from 1.
    pub sequence: Option<u64>,
    /// The payload.
    pub data: Option<&'a [u8]>,
}

impl Encoder {
    /// The last event; nothing before the first.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes that the buffer takes.
    #[must_use]
    #[inline]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Encodes an event, as [`encode`] does.
    ///
    /// # Panics
    /// Where [`encode`] does.
    pub fn encode<'a, V: AsRef<str>>(
        &mut self,
        fields: &Fields<'_>,
        extensions: impl IntoIterator<Item = (&'a str, ExtensionKind, V)>,
    ) {
        self.bytes.clear();
        encode_head(fields, extensions, &mut self.bytes);
        self.head = self.bytes.len();
        self.end_of_id = HEADER + fields.event_type.len() + fields.id[0].len();
        self.end_of_id_len = fields.id[1].len();
        self.bytes
            .extend_from_slice(fields.data.unwrap_or_default());
    }

    /// Encodes an event that is like the last but for what it has of its own, at a
    /// fraction of the cost of [`Encoder::encode`]. Returns whether it could: not
    /// before the first event, nor with a piece of an id that is not as long as the
    /// last; then nothing has changed.
    ///
    /// # Panics
    /// Where [`encode`] does.
    #[must_use]
    #[inline]
    pub fn renew(&mut self, own: Renewed<'_>) -> bool {
        let piece = self.end_of_id..self.end_of_id + own.end_of_id.len();
        let Some(end_of_id) = self.bytes.get_mut(piece) else {
            return false;
        };
        if self.end_of_id_len != own.end_of_id.len() {
            return false;
        }
        end_of_id.copy_from_slice(own.end_of_id.as_bytes());
        self.bytes.truncate(self.head);
        let Some(header) = self.bytes.first_chunk_mut::<HEADER>() else {
            return false;
        };
        let data = own.data.unwrap_or_default();
        header[FLAGS_AT] = header[FLAGS_AT] & DISTRIBUTED | presence(own.data, own.sequence);
        header[TIME_AT..SEQUENCE_AT].copy_from_slice(&own.recorded_time.to_le_bytes());
        let sequence = own.sequence.unwrap_or_default();
        header[SEQUENCE_AT..ATTRIBUTES_AT].copy_from_slice(&sequence.to_le_bytes());
        set_u32(header, LENGTH_AT, u32_of(self.head + data.len()));
        set_u32(header, DATA_AT, u32_of(data.len()));
        self.bytes.extend_from_slice(data);
        true
    }
}

fn encode_head<'a, V: AsRef<str>>(
    fields: &Fields<'_>,
    extensions: impl IntoIterator<Item = (&'a str, ExtensionKind, V)>,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    let header = encode_header(fields);
    out.reserve(length(&header));
    out.extend_from_slice(&header);
    out.extend_from_slice(fields.event_type.as_bytes());
    out.extend_from_slice(fields.id[0].as_bytes());
    out.extend_from_slice(fields.id[1].as_bytes());
    for value in &attributes(fields)[1..] {
        // Most events lack most attributes, and copying nothing is not free.
        if !value.is_empty() {
            out.extend_from_slice(value.as_bytes());
        }
    }
    let extensions_start = out.len();
    if let Some(time) = fields.producer_time {
        extension::encode(PRODUCER_TIME, ExtensionKind::String, time, out);
    }
    for (name, kind, value) in extensions {
        let name = match name {
            SEQUENCE => PRODUCER_SEQUENCE,
            name => name,
        };
        extension::encode(name, kind, value.as_ref(), out);
    }
    let extensions = out.len() - extensions_start;
    if extensions > 0 {
        set_u32(out, start + EXTENSIONS_AT, u32_of(extensions));
        set_u32(out, start + LENGTH_AT, u32_of(length(&header) + extensions));
    }
}

/// The header of an event without extensions.
#[inline]
fn encode_header(fields: &Fields<'_>) -> [u8; HEADER] {
    let mut lengths = attributes(fields).map(str::len);
    lengths[Attribute::Id as usize] += fields.id[1].len();
    let data = fields.data.map_or(0, <[u8]>::len);
    let whole = HEADER + fields.event_type.len() + lengths.iter().sum::<usize>() + data;

    let mut header = [0; HEADER];
    set_u32(&mut header, LENGTH_AT, u32_of(whole));
    header[VERSION_AT] = LAYOUT;
    header[FLAGS_AT] = flags(fields);
    header[TYPE_AT..TIME_AT].copy_from_slice(&u16_of(fields.event_type.len()).to_le_bytes());
    header[TIME_AT..SEQUENCE_AT].copy_from_slice(&fields.recorded_time.to_le_bytes());
    let sequence = fields.sequence.unwrap_or_default();
    header[SEQUENCE_AT..ATTRIBUTES_AT].copy_from_slice(&sequence.to_le_bytes());
    for (attribute, length) in lengths.into_iter().enumerate() {
        let at = ATTRIBUTES_AT + 2 * attribute;
        header[at..at + 2].copy_from_slice(&u16_of(length).to_le_bytes());
    }
    set_u32(&mut header, DATA_AT, u32_of(data));
    header
}

#[inline]
fn flags(fields: &Fields<'_>) -> u8 {
    flag(fields.distributed, DISTRIBUTED) | presence(fields.data, fields.sequence)
}

/// The flags of what not every event has.
#[inline]
fn presence(data: Option<&[u8]>, sequence: Option<u64>) -> u8 {
    flag(data.is_some(), HAS_DATA) | flag(sequence.is_some(), HAS_SEQUENCE)
}

#[inline]
fn flag(set: bool, flag: u8) -> u8 {
    if set { flag } else { 0 }
}

/// The attributes in encoded order; of the id its first piece.
#[inline]
fn attributes<'a>(fields: &Fields<'a>) -> [&'a str; ATTRIBUTES] {
    [
        fields.id[0],
        fields.source,
        fields.subject.unwrap_or_default(),
        fields.datacontenttype,
        fields.origin,
        fields.channel.unwrap_or_default(),
        fields.traceparent.unwrap_or_default(),
        fields.tracestate.unwrap_or_default(),
    ]
}

/// What a header says the whole event has, in bytes.
#[inline]
fn length(header: &[u8; HEADER]) -> usize {
    let length = header[LENGTH_AT..VERSION_AT].try_into();
    u32::from_le_bytes(length.expect("four bytes")) as usize
}

#[inline]
fn set_u32(out: &mut [u8], at: usize, value: u32) {
    out[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[inline]
fn u16_of(len: usize) -> u16 {
    u16::try_from(len).expect("attributes have at most 65,535 bytes")
}

#[inline]
fn u32_of(len: usize) -> u32 {
    u32::try_from(len).expect("an event has less than 4 GiB")
}
