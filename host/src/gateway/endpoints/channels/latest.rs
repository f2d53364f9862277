//! The newest events of a channel.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::at::At;
use super::page::{EventPage, Form, answer};
use super::position::limit;
use super::refusal::ChannelRefusal;
use crate::access::Act;
use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::query::Parameters;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// Events unless told.
const DEFAULT_LIMIT: usize = 10;

/// Read the newest events
///
/// Ascending; fewer than asked for if they are large, or follow damaged events, whose numbers
/// are reported as `damaged`. As in a read of the channel, `Accept` may ask for the bare array
/// or for packed events: `damaged` is then the header `hearken-damaged`.
#[utoipa::path(
    get,
    path = "/v1/channels/{name}/latest",
    tag = "channels",
    params(
        ("name" = String, Path, description = "The channel's name"),
        ("limit" = Option<usize>, Query, description = "Most events, 1 to 1,000; 10 by default"),
        ("access_token" = Option<String>, Query, description = "The credential, for clients that cannot send the header `Authorization`"),
    ),
    responses(
        (status = 200, description = "The events", content(
            (EventPage = "application/json"),
            (Vec<crate::gateway::openapi::CloudEventJson> = "application/cloudevents-batch+json"),
            (String = "application/vnd.hearken.frames"),
        )),
        (status = 400, description = "Bad parameter", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The newest event is damaged", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The storage is busy or fails", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn latest(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    At(name): At<String>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Rejection> {
    context.check(&identity, &Act::Read(&name), client.address)?;
    parameters.allow(&["limit"])?;
    let limit = limit(&parameters, DEFAULT_LIMIT)?;
    let channel = context.readable(&identity, &name)?;
    let found = channel.latest(limit).await.map_err(ChannelRefusal::from)?;
    let form = Form::asked(&headers);
    answer(&context, &client, &name, channel.epoch(), found, form)
}
