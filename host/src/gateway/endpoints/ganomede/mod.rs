//! `/events/v1…`: the REST API of ganomede-events, so that what was written for that, its npm
//! client too, works with channels. A contract of others: it stands in the `API.md` of their
//! version 1.5.3, and not in the document that `/openapi.json` has.
//!
//! | file | what it is |
//! | --- | --- |
//! | `config` | the secret and the other settings, and what the routes share |
//! | `send`, `poll`, `latest` | `POST` and `GET /events/v1/events`, `GET /events/v1/latest` |
//! | `indices` | `POST /events/v1/indices`, `GET /events/v1/indices/{id}/{value}` |
//! | `elsewhere` | channels of other nodes |
//! | `about` | `/events/v1/about`, `/events/v1/ping/{token}` |
//! | `query`, `members` | parameters of the query, members of the body |
//! | `names` | how names of channels, clients, indexes and types become those of the node, and back |
//! | `shown` | an event as that API has it |
//! | `refusal`, `answers` | errors, and what all answers have in common |

mod about;
pub(in crate::gateway) mod answers;
mod config;
mod elsewhere;
mod indices;
mod latest;
mod members;
mod names;
mod poll;
mod query;
mod refusal;
mod send;
mod shown;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::routing::{any, get, post};
use axum::{Extension, Router};

use crate::gateway::context::Context;

pub(in crate::gateway) use config::Ganomede;
pub use config::GanomedeConfig;

/// All routes of that API. They ask for nothing but its secret.
pub(in crate::gateway) fn routes(ganomede: &Arc<Ganomede>) -> Router<Arc<Context>> {
    Router::new()
        .route(poll::EVENTS, get(poll::poll).post(send::send))
        .route("/events/v1/latest", get(latest::latest))
        .route("/latest", get(latest::latest))
        .route("/events/v1/indices", post(indices::define))
        .route("/events/v1/indices/{id}/{value}", get(indices::find))
        .route("/events/v1/about", get(about::about))
        .route("/about", get(about::about))
        .route("/events/v1/ping/{token}", get(about::ping))
        .method_not_allowed_fallback(refusal::method_not_allowed)
        .route("/events/v1", any(refusal::nothing_there))
        .route("/events/v1/", any(refusal::nothing_there))
        .route("/events/v1/{*rest}", any(refusal::nothing_there))
        .layer(Extension(Arc::clone(ganomede)))
}
