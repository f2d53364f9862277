//! Writing what a server says.

mod fields;
mod json;
mod protobuf;

use crate::encoding::Encoding;

pub(crate) use fields::{Encode, Fields, always, field};

/// Appends the question whether a client is there, which is an empty message. To clients
/// that only listen it is a sign that the server is.
pub fn encode_ping(encoding: Encoding, out: &mut Vec<u8>) {
    message(encoding, &Empty, out);
}

/// Appends what stands between two messages of one frame, and behind each message of a
/// stream of bytes.
pub fn end_message(encoding: Encoding, out: &mut Vec<u8>) {
    match encoding {
        Encoding::Json => out.push(b'\n'),
        Encoding::Protobuf => {}
    }
}

/// Appends a message of its own.
pub(crate) fn message(encoding: Encoding, value: &impl Encode, out: &mut Vec<u8>) {
    match encoding {
        Encoding::Json => json::object(value, out),
        Encoding::Protobuf => protobuf::delimited(value, out),
    }
}

struct Empty;

impl Encode for Empty {
    fn encode(&self, _fields: &mut impl Fields) {}
}
