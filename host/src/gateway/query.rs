//! Query parameters, strictly: an unknown one is an error, not ignored.

mod error;

use std::sync::Arc;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;

pub(super) use error::QueryError;

use super::rejection::Rejection;
use crate::bus::Filter;
use crate::event::{MAX_ATTRIBUTE_BYTES, Pattern, PatternError};
use crate::nearest;

/// The parameters of a request, as written.
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        if percent_decode_str(query).decode_utf8().is_err() {
            return Err(QueryError::Encoding.into());
        }
        let Query(pairs) = Query::try_from_uri(&parts.uri).map_err(|_| QueryError::Encoding)?;
        Ok(Self(pairs))
    }
}

/// Rejects a request that has any query parameter.
pub(super) struct NoParameters;

impl<S: Send + Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let parameters = Parameters::from_request_parts(parts, state).await?;
        parameters.allow(&[])?;
        Ok(Self)
    }
}

impl Parameters {
    /// Checks that every parameter is one of `names` and given once.
    pub(super) fn allow(&self, names: &[&str]) -> Result<(), QueryError> {
        for (at, (name, _)) in self.0.iter().enumerate() {
            if !names.contains(&name.as_str()) {
                return Err(QueryError::Unknown {
                    name: name.clone(),
                    hint: nearest::hint(name, names),
                });
            }
            if self.0[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(QueryError::Repeated(name.clone()));
            }
        }
        Ok(())
    }

    /// A parameter's value.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// A parameter's value; an empty one counts as absent.
    pub(super) fn get_filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// An attribute that events may have.
    fn attribute(&self, name: &'static str) -> Result<Option<Arc<str>>, QueryError> {
        let Some(text) = self.get_filled(name) else {
            return Ok(None);
        };
        let bytes = text.len();
        if bytes > MAX_ATTRIBUTE_BYTES {
            return Err(QueryError::Invalid {
                name,
                reason: format!(
                    "it has {bytes} bytes; that of an event has at most {MAX_ATTRIBUTE_BYTES}"
                ),
            });
        }
        Ok(Some(text.into()))
    }

    /// The filter that `type`, `subject`, `channel` and `local_only` describe;
    /// without a `type`, `default_type` if there is one.
    pub(super) fn filter(&self, default_type: Option<Pattern>) -> Result<Filter, QueryError> {
        let pattern = match (self.get("type"), default_type) {
            (Some(source), _) => {
                Pattern::new(source).map_err(|error: PatternError| QueryError::Invalid {
                    name: "type",
                    reason: error.to_string(),
                })?
            }
            (None, Some(default)) => default,
            (None, None) => return Err(QueryError::Missing("type")),
        };
        let local_only = match self.get_filled("local_only") {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                return Err(QueryError::Invalid {
                    name: "local_only",
                    reason: format!("{other:?} is neither `true` nor `false`"),
                });
            }
        };
        Ok(Filter {
            subject: self.attribute("subject")?,
            channel: self.attribute("channel")?,
            local_only,
            ..Filter::new(pattern)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(name: &str, bytes: usize) -> Result<Filter, QueryError> {
        let long = (name.to_owned(), "s".repeat(bytes));
        Parameters(vec![long]).filter(Some(Pattern::any()))
    }

    #[test]
    fn asks_for_nothing_that_no_event_can_have() {
        for name in ["subject", "channel"] {
            assert!(filter(name, MAX_ATTRIBUTE_BYTES).is_ok());
            let error = filter(name, MAX_ATTRIBUTE_BYTES + 1).expect_err("too long");
            assert_eq!(error.parameter(), Some(name));
            assert!(error.to_string().contains("at most 4096"), "{error}");
        }
        assert!(filter("type", 1 << 16).is_err());
    }
}
