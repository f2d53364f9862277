//! What is refused before a route sees it: what browsers ask on behalf of pages that have
//! no business here.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::connection::Connection;
use super::cors;
use super::origin::foreign_origin;
use crate::gateway::context::Context;
use crate::gateway::rejection::Rejection;

/// What any page may ask for, since it learns and changes nothing by it: whether the
/// node is there, and the description that every node has.
const HARMLESS: [&str; 3] = ["/livez", "/readyz", "/openapi.json"];

/// Answers 403 to what comes from a page of another origin that is not allowed: also to what
/// changes nothing, since even an answer that the page may not read takes a place, and tells
/// by its time when something happened. Pages of allowed origins may read what they are
/// answered.
pub(in crate::gateway) async fn refuse_foreign_pages(
    State(context): State<Arc<Context>>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let connection = parts.extensions.get::<Arc<Connection>>();
    let secure = connection.is_some_and(|connection| connection.is_secure());
    let is_of_sessions = cors::is_of_sessions(parts.uri.path());
    let (allowed, refused) = match foreign_origin(&parts, secure) {
        Some(origin) if context.access.allows_origin(&origin) => (Some(origin), None),
        foreign => (None, foreign),
    };
    let mut response = match refused {
        Some(origin) if !HARMLESS.contains(&parts.uri.path()) => {
            Rejection::ForeignOrigin(origin).into_response()
        }
        _ if allowed.is_some() && cors::is_preflight(&parts) => cors::preflight(&parts.headers),
        _ => next.run(Request::from_parts(parts, body)).await,
    };
    if let Some(origin) = &allowed {
        cors::let_read(&mut response, origin);
        if is_of_sessions {
            cors::of_sessions(&mut response);
        }
    }
    if context.access.allows_origins() {
        cors::vary(&mut response);
    }
    response
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
