//! Messages as protobuf.

use std::collections::BTreeMap;

use super::fields::{Encode, Field, Fields, field};

/// The kind of a field that is a number.
const VARINT: u32 = 0;
/// The kind of a field that has a length.
const LENGTH: u32 = 2;

/// Appends a message behind its length.
pub(super) fn delimited(value: &impl Encode, out: &mut Vec<u8>) {
    behind_length(out, |out| value.encode(&mut Message { out }));
}

/// Appends what `write` appends, behind its length. Most of it is short, so that room is
/// left for a length of one byte, and more is made when there has to be.
fn behind_length(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.push(0);
    write(out);
    let body = start + 1..out.len();
    let mut buffer = [0; MAX_VARINT];
    let length = varint(body.len() as u64, &mut buffer);
    let more = length.len() - 1;
    if more > 0 {
        out.resize(out.len() + more, 0);
        let moved = body.start + more;
        out.copy_within(body, moved);
    }
    out[start..=start + more].copy_from_slice(length);
}

/// Most bytes of a number.
const MAX_VARINT: usize = 10;

/// Writes a number seven bits a byte, the lowest first.
fn varint(mut value: u64, buffer: &mut [u8; MAX_VARINT]) -> &[u8] {
    let mut length = 0;
    while value >= 0x80 {
        buffer[length] = value as u8 | 0x80;
        value >>= 7;
        length += 1;
    }
    buffer[length] = value as u8;
    &buffer[..=length]
}

fn push_varint(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(varint(value, &mut [0; MAX_VARINT]));
}

/// A message that is being written.
struct Message<'o> {
    out: &'o mut Vec<u8>,
}

impl Message<'_> {
    fn key(&mut self, field: Field, kind: u32) {
        push_varint((field.number << 3 | kind).into(), self.out);
    }

    fn bytes(&mut self, field: Field, value: &[u8]) {
        self.key(field, LENGTH);
        push_varint(value.len() as u64, self.out);
        self.out.extend_from_slice(value);
    }

    /// An element of a map: its key and its value, as a message.
    fn entry(&mut self, field: Field, key: &str, value: impl FnOnce(&mut Message<'_>)) {
        self.key(field, LENGTH);
        behind_length(self.out, |out| {
            let mut entry = Message { out };
            entry.text(KEY, key);
            value(&mut entry);
        });
    }
}

/// Of an element of a map.
const KEY: Field = field(1, "key");
/// Of an element of a map.
const VALUE: Field = field(2, "value");

impl Fields for Message<'_> {
    fn unsigned(&mut self, field: Field, value: u64) {
        if value != 0 {
            self.key(field, VARINT);
            push_varint(value, self.out);
        }
    }

    fn signed(&mut self, field: Field, value: i64) {
        self.unsigned(field, value.cast_unsigned());
    }

    fn flag(&mut self, field: Field, value: bool) {
        self.unsigned(field, value.into());
    }

    fn text(&mut self, field: Field, value: &str) {
        self.payload(field, value.as_bytes());
    }

    fn payload(&mut self, field: Field, value: &[u8]) {
        if !value.is_empty() {
            self.bytes(field, value);
        }
    }

    fn message(&mut self, field: Field, value: &impl Encode) {
        self.key(field, LENGTH);
        delimited(value, self.out);
    }

    fn list<V: Encode>(&mut self, field: Field, values: &[V]) {
        for value in values {
            self.message(field, value);
        }
    }

    fn messages<V: Encode>(&mut self, field: Field, values: &BTreeMap<String, V>) {
        for (key, value) in values {
            self.entry(field, key, |entry| entry.message(VALUE, value));
        }
    }

    fn texts(&mut self, field: Field, values: &BTreeMap<String, String>) {
        for (key, value) in values {
            self.entry(field, key, |entry| entry.text(VALUE, value));
        }
    }
}
