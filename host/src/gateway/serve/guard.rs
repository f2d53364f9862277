//! What is refused before a route sees it: what browsers ask on behalf of pages that have
//! no business here.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::origin::foreign_origin;
use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;

/// What any page may ask for, since it learns and changes nothing by it: whether the
/// node is there, and the description that every node has.
const HARMLESS: [&str; 3] = ["/livez", "/readyz", "/openapi.json"];

/// Answers 403 to what comes from a page of another origin: also to what changes
/// nothing, since even an answer that the page may not read takes a place, and tells by
/// its time when something happened.
pub(in crate::gateway) async fn refuse_foreign_pages(request: Request, next: Next) -> Response {
    if !HARMLESS.contains(&request.uri().path())
        && let Some(origin) = foreign_origin(request.headers())
    {
        return Rejection::ForeignOrigin(origin).into_response();
    }
    next.run(request).await
}

/// Answers 403 to what was sent to a name that is not the node's, and 400 to what does not
/// say properly to which.
pub(in crate::gateway) async fn refuse_foreign_hosts(
    State(context): State<Arc<Context>>,
    request: Request,
    next: Next,
) -> Response {
    match context.hosts.check(&request) {
        Err(error) => Rejection::Host(error).into_response(),
        Ok(()) => next.run(request).await,
    }
}
