//! What a message consists of, whatever it is written as.

use std::collections::BTreeMap;

/// A field of a message, by its number in protobuf and its name in JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub number: u32,
    pub name: &'static str,
    /// Whether JSON has it even if it is empty; protobuf never has.
    pub always: bool,
}

/// A field that is left out if it is empty.
pub(crate) const fn field(number: u32, name: &'static str) -> Field {
    let always = false;
    Field {
        number,
        name,
        always,
    }
}

/// A field that JSON always has.
pub(crate) const fn always(number: u32, name: &'static str) -> Field {
    let always = true;
    Field {
        number,
        name,
        always,
    }
}

/// What can be written.
pub(crate) trait Encode {
    /// Says all fields, in the order of their numbers.
    fn encode(&self, fields: &mut impl Fields);
}

/// Takes down the fields of a message.
pub(crate) trait Fields {
    /// A number from 0.
    fn unsigned(&mut self, field: Field, value: u64);
    /// A number that may be below 0.
    fn signed(&mut self, field: Field, value: i64);
    /// Yes or no, which is empty.
    fn flag(&mut self, field: Field, value: bool);
    /// Any text.
    fn text(&mut self, field: Field, value: &str);
    /// Data: it is JSON already where JSON is written.
    fn payload(&mut self, field: Field, value: &[u8]);
    /// A message, which is there even if it has no fields.
    fn message(&mut self, field: Field, value: &impl Encode);
    /// Messages in their order.
    fn list<V: Encode>(&mut self, field: Field, values: &[V]);
    /// Messages by their names.
    fn messages<V: Encode>(&mut self, field: Field, values: &BTreeMap<String, V>);
    /// Texts by their names.
    fn texts(&mut self, field: Field, values: &BTreeMap<String, String>);
}
