//! What the gateway offers, described.
//!
//! `schema` is what endpoints describe their answers with; `document` has all routes, and
//! the document of what they say of themselves; `rights` is what each needs.

pub(super) mod document;
pub(super) mod rights;
mod schema;

pub(super) use schema::CloudEventJson;

#[cfg(test)]
mod tests;
