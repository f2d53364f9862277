//! Fuzz targets for the packed encoding of events and frames, which the host writes
//! and guests read in place, for what other nodes of a cluster send, for HTTP requests,
//! for the files of channels' logs, for what clients of sessions send and what differs between
//! what they get, and for the configuration of nodes and plugins. Here is what they share:
//! [`Event`], all that there is to read of an event, and [`gateway`], HTTP without a node.
//!
//! With `cargo-fuzz` and a C++ compiler, on stable Rust, from the repository's root:
//!
//! ```text
//! cargo fuzz run --fuzz-dir tests/fuzz -s none event_decode -- -max_total_time=60
//! ```
//!
//! `-s none` leaves out the address sanitizer, which needs nightly Rust and would find
//! nothing here: the encoding is read and written without unsafe code. `cargo fuzz list
//! --fuzz-dir tests/fuzz` names the other targets. Those that read texts begin with what is
//! in `tests/fuzz/seeds`, the others make well-formed inputs of their own. What a target
//! found stays in `tests/fuzz/corpus`, where the next run begins; an input that it fails on
//! is kept in `tests/fuzz/artifacts`, and is tried again by its path behind the target's name.

pub mod gateway;

use arbitrary::{Arbitrary, Unstructured};
use hearken_wire::frame;
use hearken_wire::{EventRef, ExtensionKind, Fields, PRODUCER_SEQUENCE};

/// Most bytes of an extension's name.
const NAME: usize = u8::MAX as usize;
/// Most bytes of any other text.
const TEXT: usize = u16::MAX as usize;

/// All that there is to read of an event. An arbitrary one can be encoded.
#[derive(Arbitrary, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    #[arbitrary(with = text)]
    event_type: &'a str,
    #[arbitrary(with = text)]
    id: &'a str,
    #[arbitrary(with = text)]
    source: &'a str,
    #[arbitrary(with = present)]
    subject: Option<&'a str>,
    recorded_time: u64,
    #[arbitrary(with = text)]
    datacontenttype: &'a str,
    data: Option<&'a [u8]>,
    distributed: bool,
    #[arbitrary(with = text)]
    origin: &'a str,
    #[arbitrary(with = present)]
    channel: Option<&'a str>,
    sequence: Option<u64>,
    #[arbitrary(with = present)]
    traceparent: Option<&'a str>,
    #[arbitrary(with = present)]
    tracestate: Option<&'a str>,
    #[arbitrary(with = extensions)]
    extensions: Vec<(&'a str, ExtensionKind, &'a str)>,
}

impl<'a> Event<'a> {
    /// Reads everything of `event`.
    ///
    /// # Panics
    /// When the extensions go on after their end.
    #[must_use]
    pub fn read(event: EventRef<'a>) -> Self {
        let mut extensions = event.encoded_extensions();
        let read = extensions.by_ref().map(encodable).collect();
        assert_eq!(
            extensions.next(),
            None,
            "there are extensions after the end"
        );
        Self {
            event_type: event.event_type(),
            id: event.id(),
            source: event.source(),
            subject: event.subject(),
            recorded_time: event.recorded_time(),
            datacontenttype: event.datacontenttype(),
            data: event.data(),
            distributed: event.distributed(),
            origin: event.origin(),
            channel: event.channel(),
            sequence: event.sequence(),
            traceparent: event.traceparent(),
            tracestate: event.tracestate(),
            extensions: read,
        }
    }

    /// The event as the node `origin` would send it, of a type that is one.
    #[must_use]
    pub fn sent_by(mut self, origin: &'a str) -> Self {
        self.origin = origin;
        self.distributed = true;
        self.event_type = "custom.fuzzed";
        self
    }

    /// The event in its packed encoding.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        let (prefix, number) = self
            .id
            .split_at(self.id.floor_char_boundary(self.id.len() / 2));
        let fields = Fields {
            event_type: self.event_type,
            id: [prefix, number],
            source: self.source,
            subject: self.subject,
            recorded_time: self.recorded_time,
            // Among the extensions, as which it travels.
            producer_time: None,
            datacontenttype: self.datacontenttype,
            data: self.data,
            distributed: self.distributed,
            origin: self.origin,
            channel: self.channel,
            sequence: self.sequence,
            traceparent: self.traceparent,
            tracestate: self.tracestate,
        };
        let mut bytes = Vec::new();
        hearken_wire::encode(&fields, self.extensions.iter().copied(), &mut bytes);
        bytes
    }
}

/// Puts the well-formed `encoded` in place of the input in `buffer`, if there is room.
/// Returns its size, or else `size`, that of the input.
///
/// For mutators: arbitrary bytes are hardly ever an event, whose lengths must add up, so
/// the fuzzer is given some that are, to go on from.
pub fn replace(buffer: &mut [u8], size: usize, encoded: &[u8]) -> usize {
    match buffer.get_mut(..encoded.len()) {
        Some(input) => {
            input.copy_from_slice(encoded);
            encoded.len()
        }
        None => size,
    }
}

/// The input of a target that takes a list of byte strings, of which `bytes` is the only
/// one: as `arbitrary` reads it, a flag before each further element, and the rest is the
/// last one's.
#[must_use]
pub fn as_list(bytes: &[u8]) -> Vec<u8> {
    [bytes, &[1]].concat()
}

/// The frame of these events and whether each was published on the receiver's node.
#[must_use]
pub fn frame(deliveries: &[(Event<'_>, bool)]) -> Vec<u8> {
    let mut frame = Vec::new();
    for (event, local) in deliveries {
        frame::push(
            &mut frame,
            EventRef::assume_encoded(&event.encoded()),
            *local,
        );
    }
    frame
}

fn text<'a>(input: &mut Unstructured<'a>) -> arbitrary::Result<&'a str> {
    cut(input, TEXT)
}

/// An empty attribute is an absent one.
fn present<'a>(input: &mut Unstructured<'a>) -> arbitrary::Result<Option<&'a str>> {
    Ok(Some(text(input)?).filter(|text| !text.is_empty()))
}

fn extensions<'a>(
    input: &mut Unstructured<'a>,
) -> arbitrary::Result<Vec<(&'a str, ExtensionKind, &'a str)>> {
    let kinds = [
        ExtensionKind::Boolean,
        ExtensionKind::Integer,
        ExtensionKind::String,
    ];
    let mut extensions = Vec::new();
    while input.arbitrary()? {
        extensions.push(encodable((
            cut(input, NAME)?,
            *input.choose(&kinds)?,
            text(input)?,
        )));
    }
    Ok(extensions)
}

/// An extension under a name that stays as it is when it is encoded.
fn encodable<'a>(
    extension: (&'a str, ExtensionKind, &'a str),
) -> (&'a str, ExtensionKind, &'a str) {
    match extension {
        ("sequence", kind, value) => (PRODUCER_SEQUENCE, kind, value),
        extension => extension,
    }
}

fn cut<'a>(input: &mut Unstructured<'a>, most: usize) -> arbitrary::Result<&'a str> {
    let text: &str = input.arbitrary()?;
    Ok(&text[..text.floor_char_boundary(most)])
}
