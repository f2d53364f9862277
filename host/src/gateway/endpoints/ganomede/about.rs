//! What the service is, and whether it answers. Nobody is asked for the secret.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::{Extension, http::header};
use serde_json::json;

use super::config::Ganomede;
use crate::event::cloudevent::rfc3339;
use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::At;

/// The version of ganomede-events whose API this is.
const VERSION: &str = "1.5.3";

/// Answers with what it is.
pub(super) async fn about(
    State(context): State<Arc<Context>>,
    Extension(ganomede): Extension<Arc<Ganomede>>,
) -> impl IntoResponse {
    let about = json!({
        "hostname": &**context.bus.node(),
        "type": "ganomede-events",
        "version": VERSION,
        "description": concat!("Hearken ", env!("CARGO_PKG_VERSION"), " by the API of ganomede-events"),
        "startDate": rfc3339(ganomede.config().started),
    });
    let media_type = [(header::CONTENT_TYPE, "application/json; charset=UTF-8")];
    (media_type, about.to_string())
}

/// Answers with what was sent.
pub(super) async fn ping(At(token): At<String>) -> Json<String> {
    Json(format!("pong/{token}"))
}
