//! Parts of a path.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::gateway::rejection::Rejection;

/// What stands in a path for the names in braces, percent-decoded.
pub(in crate::gateway) struct At<T>(pub(in crate::gateway) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        // What is not UTF-8 names nothing.
        let Path(names) = Path::from_request_parts(parts, state)
            .await
            .map_err(|_| Rejection::NoRoute(parts.uri.path().to_owned()))?;
        Ok(Self(names))
    }
}
