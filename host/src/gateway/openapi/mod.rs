//! What the gateway offers, described.
//!
//! `schema` is what endpoints describe their answers with; `document` has all routes, and
//! the document of what they say of themselves.

pub(super) mod document;
mod schema;

pub(super) use schema::CloudEventJson;

#[cfg(test)]
mod tests;
