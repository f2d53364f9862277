//! `GET /v1/whoami`: who asks, and what they may.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Rights;
use crate::gateway::caller::Caller;
use crate::gateway::problem::Problem;
use crate::gateway::query::NoParameters;

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct WhoAmI {
    /// `anonymous`, or `key:`, `user:` or `cert:` and a name.
    principal: String,
    /// Names of its roles; those that do not exist give nothing.
    roles: Vec<String>,
    /// What it may do: patterns of types for `publish` and `listen`, of channels for `append` and
    /// `read`, and whether it may `observe` and `operate`.
    #[schema(value_type = Object)]
    rights: Rights,
}

/// Say who is asking, and what they may do
#[utoipa::path(
    get,
    path = "/v1/whoami",
    tag = "access",
    responses(
        (status = 200, description = "The principal and its rights", body = WhoAmI),
        (status = 400, description = "Unknown parameter", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn whoami(
    Caller(identity): Caller,
    NoParameters: NoParameters,
) -> Json<WhoAmI> {
    Json(WhoAmI {
        principal: identity.principal().to_string(),
        roles: identity.roles().to_vec(),
        rights: identity.rights().clone(),
    })
}
