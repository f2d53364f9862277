//! Removing channels.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use super::at::At;
use super::if_match::IfMatch;
use super::refusal::ChannelRefusal;
use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::query::NoParameters;
use crate::gateway::rejection::Rejection;

/// Remove a channel with all its events
///
/// `If-Match` has the number of its last event, `"LAST"` or `"EPOCH-LAST"`, or is `*`.
#[utoipa::path(
    delete,
    path = "/v1/channels/{name}",
    tag = "channels",
    params(
        ("name" = String, Path, description = "The channel's name"),
        ("if-match" = String, Header, description = "Number of the channel's last event, in quotes"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 400, description = "Bad parameter or header", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The configuration declares it, or the expected position is of another log", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "The last event has another number", body = Problem, content_type = "application/problem+json"),
        (status = 428, description = "`If-Match` is missing", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The storage fails, or others change channels", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn remove(
    State(context): State<Arc<Context>>,
    At(name): At<String>,
    NoParameters: NoParameters,
    headers: HeaderMap,
) -> Result<StatusCode, Rejection> {
    let channel = context.channel(&name)?;
    let end = IfMatch::read(&headers)?.end()?;
    let removed = context.channels.remove(&channel, end).await;
    removed.map_err(ChannelRefusal::from)?;
    Ok(StatusCode::NO_CONTENT)
}
