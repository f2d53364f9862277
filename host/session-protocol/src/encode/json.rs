//! Messages as objects of JSON.

use std::collections::BTreeMap;

use super::fields::{Encode, Field, Fields};
use crate::payload::{push_json, push_json_string};

/// Appends an object.
pub(super) fn object(value: &impl Encode, out: &mut Vec<u8>) {
    out.push(b'{');
    value.encode(&mut Members { out, first: true });
    out.push(b'}');
}

/// The members of an object that is being written.
struct Members<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl Members<'_> {
    /// Begins a member, whose name needs no escapes.
    fn named(&mut self, name: &str) -> &mut Vec<u8> {
        let before: &[u8] = if self.first { b"\"" } else { b",\"" };
        self.first = false;
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Begins a member of any name.
    fn keyed(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        push_json_string(key, self.out);
        self.out.push(b':');
        self.out
    }
}

impl Members<'_> {
    /// A member that is an object of members of any names.
    fn members<V>(
        &mut self,
        field: Field,
        values: &BTreeMap<String, V>,
        write: impl Fn(&V, &mut Vec<u8>),
    ) {
        if values.is_empty() && !field.always {
            return;
        }
        let out = self.named(field.name);
        out.push(b'{');
        let mut members = Members { out, first: true };
        for (key, value) in values {
            write(value, members.keyed(key));
        }
        self.out.push(b'}');
    }
}

impl Fields for Members<'_> {
    fn unsigned(&mut self, field: Field, value: u64) {
        if value != 0 || field.always {
            let mut digits = itoa::Buffer::new();
            let digits = digits.format(value).as_bytes();
            self.named(field.name).extend_from_slice(digits);
        }
    }

    fn signed(&mut self, field: Field, value: i64) {
        if value != 0 || field.always {
            let mut digits = itoa::Buffer::new();
            let digits = digits.format(value).as_bytes();
            self.named(field.name).extend_from_slice(digits);
        }
    }

    fn flag(&mut self, field: Field, value: bool) {
        if value || field.always {
            let word: &[u8] = if value { b"true" } else { b"false" };
            self.named(field.name).extend_from_slice(word);
        }
    }

    fn text(&mut self, field: Field, value: &str) {
        if !value.is_empty() || field.always {
            push_json_string(value, self.named(field.name));
        }
    }

    fn payload(&mut self, field: Field, value: &[u8]) {
        if !value.is_empty() {
            push_json(value, self.named(field.name));
        }
    }

    fn message(&mut self, field: Field, value: &impl Encode) {
        object(value, self.named(field.name));
    }

    fn list<V: Encode>(&mut self, field: Field, values: &[V]) {
        if values.is_empty() && !field.always {
            return;
        }
        let out = self.named(field.name);
        out.push(b'[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            object(value, out);
        }
        out.push(b']');
    }

    fn messages<V: Encode>(&mut self, field: Field, values: &BTreeMap<String, V>) {
        self.members(field, values, object);
    }

    fn texts(&mut self, field: Field, values: &BTreeMap<String, String>) {
        self.members(field, values, |value, out| push_json_string(value, out));
    }
}
