//! What can be wrong with query parameters.

/// What is wrong with a parameter.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum QueryError {
    #[error("the query string is not percent-encoded UTF-8")]
    Encoding,
    #[error("there is no query parameter `{name}`: {hint}")]
    Unknown { name: String, hint: String },
    #[error("the query parameter `{0}` is given more than once")]
    Repeated(String),
    #[error("the query parameter `{0}` is missing")]
    Missing(&'static str),
    #[error("the query parameter `{name}` is not valid: {reason}")]
    Invalid { name: &'static str, reason: String },
}

impl QueryError {
    /// The parameter at fault.
    pub(in crate::gateway) fn parameter(&self) -> Option<&str> {
        match self {
            Self::Encoding => None,
            Self::Unknown { name, .. } | Self::Repeated(name) => Some(name),
            Self::Missing(name) | Self::Invalid { name, .. } => Some(name),
        }
    }
}
