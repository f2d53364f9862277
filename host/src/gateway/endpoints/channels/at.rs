//! Parts of a path.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::elsewhere::without_node;
use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;

/// What stands in a path for the names in braces, percent-decoded. The first is a channel's;
/// where it names this node too, that is left out.
pub(in crate::gateway) struct At<T>(pub(in crate::gateway) T);

/// Names of which the first is a channel's.
pub(in crate::gateway) trait OfChannel {
    /// Its name.
    fn channel(&mut self) -> &mut String;
}

impl OfChannel for String {
    fn channel(&mut self) -> &mut String {
        self
    }
}

impl OfChannel for (String, String) {
    fn channel(&mut self) -> &mut String {
        &mut self.0
    }
}

impl OfChannel for (String, String, String) {
    fn channel(&mut self) -> &mut String {
        &mut self.0
    }
}

impl<T: DeserializeOwned + OfChannel + Send> FromRequestParts<Arc<Context>> for At<T> {
    type Rejection = Rejection;

    async fn from_request_parts(
        parts: &mut Parts,
        context: &Arc<Context>,
    ) -> Result<Self, Rejection> {
        let mut names: T = names(parts, context).await?;
        let name = names.channel();
        let length = without_node(name, context.bus.node()).len();
        name.truncate(length);
        Ok(Self(names))
    }
}

/// The name of a channel that stands in a path, as it is given.
pub(in crate::gateway) struct Given(pub(in crate::gateway) String);

impl FromRequestParts<Arc<Context>> for Given {
    type Rejection = Rejection;

    async fn from_request_parts(
        parts: &mut Parts,
        context: &Arc<Context>,
    ) -> Result<Self, Rejection> {
        names(parts, context).await.map(Self)
    }
}

async fn names<T: DeserializeOwned + Send>(
    parts: &mut Parts,
    context: &Arc<Context>,
) -> Result<T, Rejection> {
    let names = Path::from_request_parts(parts, context).await;
    // What is not UTF-8 names nothing.
    let Path(names) = names.map_err(|_| Rejection::NoRoute(parts.uri.path().to_owned()))?;
    Ok(names)
}
