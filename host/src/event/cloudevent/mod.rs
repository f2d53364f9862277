//! Events as CloudEvents 1.0: the JSON format out (`write`) and in (`read`), and attributes
//! as strings, the way that HTTP headers carry them in binary mode.

mod error;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use error::CloudEventError;
pub use read::{from_attributes, from_json};
pub use write::{CloudEvent, rfc3339};
