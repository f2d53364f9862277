//! What can be wrong with a body, and with an event in a request.

use std::time::Duration;

use crate::event::TypeError;
use crate::event::cloudevent::CloudEventError;
use crate::event::json::{JsonError, MAX_DEPTH};
use crate::nearest;

/// The media types whose body describes events whole.
pub(in crate::gateway) const JSON_TYPES: &str =
    "application/json, application/cloudevents+json, application/cloudevents-batch+json";

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum BodyError {
    #[error("the body is larger than {limit} bytes, the most that this node takes here")]
    TooLarge { limit: usize },
    #[error("the body did not arrive within {}", humantime::format_duration(*.0))]
    Slow(Duration),
    #[error("the body could not be read: {0}")]
    Broken(String),
    #[error(
        "the node holds as many request bodies in memory as it may, {0} bytes; try again later"
    )]
    Busy(usize),
    #[error(
        "your address has as many request bodies in memory as one address may, {0} bytes; try again later"
    )]
    AddressBusy(usize),
}

/// Why a request's body or headers are not an event.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum EventError {
    #[error("the body is empty; send an event in it")]
    Empty,
    #[error("the body is not valid JSON: {0}")]
    Syntax(serde_json::Error),
    #[error("the JSON is nested deeper than {MAX_DEPTH} levels at line {line} column {column}")]
    Deep { line: usize, column: usize },
    #[error("there is no member `{name}`: {}", nearest::hint(.name, .known))]
    UnknownMember {
        name: String,
        known: &'static [&'static str],
    },
    #[error(
        "the body is a CloudEvent (it has `specversion`), but its media type says shorthand; send it as `application/cloudevents+json`"
    )]
    DisguisedCloudEvent,
    #[error(
        "the body is an array; only a batch of CloudEvents is, sent as `application/cloudevents-batch+json`"
    )]
    DisguisedBatch,
    #[error("the member `{name}` is not valid: {reason}")]
    Member { name: String, reason: String },
    #[error("the member `type` is not valid: {0}")]
    Type(#[from] TypeError),
    #[error("{0}")]
    CloudEvent(CloudEventError),
    #[error("the headers are not a CloudEvent in binary mode: {0}")]
    Binary(CloudEventError),
    #[error("the header `{name}` is not valid: {reason}")]
    Header { name: String, reason: &'static str },
    #[error("the batch has {events} events; at most {limit} are allowed")]
    LongBatch { events: usize, limit: usize },
}

impl EventError {
    /// The JSON member at fault.
    pub(in crate::gateway) fn member(&self) -> Option<&str> {
        match self {
            Self::UnknownMember { name, .. } | Self::Member { name, .. } => Some(name),
            Self::Type(_) => Some("type"),
            Self::CloudEvent(error) => attribute(error),
            _ => None,
        }
    }

    /// The header at fault.
    pub(in crate::gateway) fn header(&self) -> Option<String> {
        match self {
            Self::Header { name, .. } => Some(name.clone()),
            Self::Binary(error) => attribute(error).map(|name| format!("ce-{name}")),
            _ => None,
        }
    }
}

fn attribute(error: &CloudEventError) -> Option<&str> {
    match error {
        CloudEventError::Missing(name) => Some(name),
        CloudEventError::Duplicate(name) => Some(name),
        CloudEventError::Draft(error) => error.attribute(),
        CloudEventError::WrongKind { name, .. } => Some(name),
        CloudEventError::SpecVersion(_) => Some("specversion"),
        CloudEventError::Type(_) => Some("type"),
        CloudEventError::Base64(_) => Some("data_base64"),
        CloudEventError::Json(_) | CloudEventError::TwoPayloads => None,
    }
}

impl From<JsonError> for EventError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Syntax(error) => Self::Syntax(error),
            JsonError::Deep { line, column } => Self::Deep { line, column },
        }
    }
}
