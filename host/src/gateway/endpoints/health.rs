//! `/livez` and `/readyz`.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::rejection::Rejection;

/// What a node answers to until it ends, so that who balances its load sees it drain, and
/// sessions that it has yet may say what they have to.
const ANSWERED_WHILE_DRAINING: [&str; 4] = ["/livez", "/readyz", "/metrics", "/emulation"];

/// Whether the process answers
#[utoipa::path(
    get,
    path = "/livez",
    tag = "health",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain"))
)]
pub(in crate::gateway) async fn livez() -> &'static str {
    "alive\n"
}

/// Whether the node takes traffic
///
/// From when its plugins were loaded or have had `startup_timeout` for it, until it shuts
/// down, except while a part of it fails. Events are taken then too.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    responses(
        (status = 200, description = "It does", body = String, content_type = "text/plain"),
        (status = 503, description = "Plugins are being loaded, a part of the node fails, or the node is shutting down", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn readyz(
    State(context): State<Arc<Context>>,
) -> Result<&'static str, Rejection> {
    if context.draining.is_cancelled() {
        return Err(Rejection::Draining);
    }
    if !context.readiness.is_ready() {
        return Err(Rejection::Starting);
    }
    match context.readiness.troubles() {
        troubles if troubles.is_empty() => Ok("ready\n"),
        troubles => Err(Rejection::Troubled(troubles)),
    }
}

/// Answers 503 to what a node no longer takes once it drains.
pub(in crate::gateway) async fn refuse_when_draining(
    State(context): State<Arc<Context>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if context.draining.is_cancelled() && !ANSWERED_WHILE_DRAINING.contains(&path) {
        return Rejection::Draining.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests;
