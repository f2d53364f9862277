//! What can be wrong with a CloudEvent.

use crate::event::{DraftError, TypeError};

/// Why something is not a CloudEvent that this node takes.
#[derive(Debug, thiserror::Error)]
pub enum CloudEventError {
    /// Not a JSON object.
    #[error("not a JSON object: {0}")]
    Json(#[from] serde_json::Error),
    /// A required attribute is missing.
    #[error("the attribute `{0}` is missing; CloudEvents requires it")]
    Missing(&'static str),
    /// Another version of CloudEvents.
    #[error("`specversion` is {0:?}; this node speaks \"1.0\"")]
    SpecVersion(String),
    /// An attribute has a value of the wrong kind.
    #[error("the attribute `{name}` must be {expected}")]
    WrongKind {
        /// Name of the attribute.
        name: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A member is there twice.
    #[error("the attribute `{0}` is there more than once")]
    Duplicate(String),
    /// An attribute or the data breaks a rule for what clients publish.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// Both `data` and `data_base64` are there.
    #[error("`data` and `data_base64` exclude each other")]
    TwoPayloads,
    /// `data_base64` is not base64.
    #[error("`data_base64` is not standard base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The type is not valid.
    #[error(transparent)]
    Type(#[from] TypeError),
}
