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
pub mod json;
mod media_type;
mod node_name;
mod published;
pub mod trace;

pub use cloudevent::CloudEvent;
pub use draft::{Draft, DraftError, ExtensionValue, MAX_ATTRIBUTE_BYTES};
pub use encoder::{Encoder, Stamp};
pub use event_type::{CUSTOM_PREFIX, EventType, MAX_TYPE_BYTES, TypeError};
pub use foreign::ForeignError;
pub use hearken_pattern::{Pattern, PatternError, Within};
pub use media_type::{JSON_CONTENT_TYPE, is_json, is_text};
pub use node_name::{MAX_NODE_NAME_BYTES, NodeNameError, check_node_name};
pub use published::Event;
