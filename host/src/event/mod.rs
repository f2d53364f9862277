//! What flows: events, their types and the patterns that select them.
//!
//! An [`Event`] is encoded once, when it is published, into one immutable
//! buffer (see [`hearken_wire`]); whoever receives it shares that buffer. A
//! [`Draft`] is what a publisher hands in; the bus stamps it with an
//! [`Encoder`]. [`cloudevent`] translates to and from CloudEvents 1.0 JSON, and
//! [`host_event`] lists the events that the host itself publishes.

pub mod cloudevent;
mod draft;
mod encoder;
mod event_type;
mod foreign;
pub mod host_event;
mod node_name;
mod published;

pub use cloudevent::CloudEvent;
pub use draft::{Draft, DraftError, ExtensionValue, MAX_ATTRIBUTE_BYTES};
pub use encoder::{Encoder, Stamp};
pub use event_type::{CUSTOM_PREFIX, EventType, MAX_TYPE_BYTES, TypeError};
pub use foreign::ForeignError;
pub use hearken_pattern::{Pattern, PatternError};
pub use node_name::{MAX_NODE_NAME_BYTES, NodeNameError, check_node_name};
pub use published::Event;

/// Media type of event data when nothing else is said.
pub const JSON_CONTENT_TYPE: &str = "application/json";

/// Whether `datacontenttype` says JSON: `application/json`, `text/json` or any
/// `+json` type, with or without parameters (CloudEvents JSON format, section 3.1).
#[must_use]
pub fn is_json(datacontenttype: &str) -> bool {
    let essence = datacontenttype
        .split(';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    let Some((_, subtype)) = essence.split_once('/') else {
        return false;
    };
    subtype.eq_ignore_ascii_case("json")
        || subtype
            .len()
            .checked_sub("+json".len())
            .and_then(|at| subtype.get(at..))
            .is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json"))
}
