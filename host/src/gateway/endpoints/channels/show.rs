//! How one channel stands.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};

use super::at::At;
use super::etag::etag;
use super::refusal::ChannelRefusal;
use super::view::{ChannelDetails, ChannelView};
use crate::channel::{Channel, ReadFailure};
use crate::consumer::ConsumerFailure;
use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::query::NoParameters;
use crate::gateway::rejection::Rejection;

/// A channel, and the tag that says where it ends.
pub(super) type Shown = ([(HeaderName, HeaderValue); 1], Json<ChannelDetails>);

/// Show a channel
///
/// `ETag` is `"EPOCH-LAST"`, which `If-Match` of an append takes.
#[utoipa::path(
    get,
    path = "/v1/channels/{name}",
    tag = "channels",
    params(("name" = String, Path, description = "The channel's name")),
    responses(
        (status = 200, description = "The channel", body = ChannelDetails),
        (status = 400, description = "Unknown parameter", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Several other nodes have a channel of that name", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The storage fails, or the channel's node is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn show(
    State(context): State<Arc<Context>>,
    At(name): At<String>,
    NoParameters: NoParameters,
) -> Result<Shown, Rejection> {
    let channel = context.channel(&name)?;
    Ok(shown(&context, &channel).await?)
}

/// A channel as it stands now.
pub(super) async fn shown(context: &Context, channel: &Channel) -> Result<Shown, ChannelRefusal> {
    let status = channel.status().ok_or(ReadFailure::Removed)?;
    let also_on = context.also_on(channel.name().as_str());
    let view = ChannelView::of(&status, context.bus.node()).beside(also_on);
    let consumers = context.consumers.of_channel(channel).await;
    let consumers = consumers.map_err(ConsumerFailure::from)?;
    let details = view.with(channel.cursors().await?, consumers, channel.epoch());
    let tag = etag(status.info.epoch, status.info.last);
    Ok(([(header::ETAG, tag)], Json(details)))
}
