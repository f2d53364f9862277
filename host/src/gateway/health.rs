//! `/livez` and `/readyz`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;

use super::Context;
use super::problem::Problem;
use super::rejection::Rejection;

/// Says whether a node has loaded its plugins, so that it takes events for them;
/// cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// The plugins were loaded, or have failed to: the node takes traffic.
    pub fn plugins_loaded(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the plugins were loaded.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Whether the process answers
#[utoipa::path(
    get,
    path = "/livez",
    tag = "health",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain"))
)]
pub(super) async fn livez() -> &'static str {
    "alive\n"
}

/// Whether the node takes traffic
///
/// It does once its plugins were loaded, and until it shuts down.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "health",
    responses(
        (status = 200, description = "It does", body = String, content_type = "text/plain"),
        (status = 503, description = "Plugins are being loaded, or the node is shutting down", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn readyz(State(context): State<Arc<Context>>) -> Result<&'static str, Rejection> {
    if context.draining.is_cancelled() {
        return Err(Rejection::Draining);
    }
    if !context.readiness.is_ready() {
        return Err(Rejection::Starting);
    }
    Ok("ready\n")
}

#[cfg(test)]
mod tests;
