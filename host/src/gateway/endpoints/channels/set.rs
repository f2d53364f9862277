//! Making channels, and changing what they are set to.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hearken_channel_log::ChannelName;

use super::at::At;
use super::body;
use super::elsewhere::make_there;
use super::refusal::ChannelRefusal;
use super::show::shown;
use super::view::ChannelDetails;
use crate::channel::{Set, SettingsDocument};
use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::endpoints::publish::Sender;
use crate::gateway::problem::Problem;
use crate::gateway::query::NoParameters;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// Make a channel, or change it
///
/// The body replaces all settings; what it leaves out has its default. Only `engine` and
/// `node` stay as they are. With `If-None-Match: *` a channel is only made, never changed.
#[utoipa::path(
    put,
    path = "/v1/channels/{name}",
    tag = "channels",
    params(
        ("name" = String, Path, description = "The channel's name: 1 to 255 characters of `A-Z a-z 0-9 . _ - / :`, percent-encoded"),
        ("if-none-match" = Option<String>, Header, description = "`*`: only if there is no channel of that name"),
    ),
    request_body = SettingsDocument,
    responses(
        (status = 200, description = "The channel, changed", body = ChannelDetails),
        (status = 201, description = "The channel, made", body = ChannelDetails),
        (status = 400, description = "Bad name, settings or body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "It was removed meanwhile", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The configuration declares it, or its engine would change", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "There is one already", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Body too large", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The storage fails, or others change channels", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "Too many channels", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn set(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    At(name): At<String>,
    NoParameters: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Rejection> {
    let name = ChannelName::new(&name).map_err(ChannelRefusal::from)?;
    let new = match headers.get(header::IF_NONE_MATCH) {
        None => false,
        Some(any) if any == "*" => true,
        Some(_) => return Err(ChannelRefusal::IfNoneMatch.into()),
    };
    let document: SettingsDocument =
        body::json(&context, &identity, &client, &headers, body).await?;
    if !context.channels.is_open() {
        return Err(Rejection::Starting);
    }
    let settings = document.read().map_err(ChannelRefusal::from)?;
    let is_new = !context.channels.has(name.as_str());
    let other = settings.node.as_deref();
    let other = other.filter(|node| *node != &**context.bus.node());
    if let Some(node) = other.filter(|_| is_new && !client.was_passed) {
        let sender = Sender {
            context: &context,
            identity: &identity,
            client: &client,
        };
        let made = make_there(sender, &context, name.as_str(), node, &headers, &document);
        return made.await;
    }
    if is_new {
        let named = context.check_name(name.as_str());
        named.map_err(ChannelRefusal::from)?;
    }
    let engine = document.engine.is_some().then_some(settings.engine);
    let set = context.channels.set(&name, settings, engine, new).await;
    let (channel, set) = set.map_err(ChannelRefusal::from)?;
    let status = match set {
        Set::Created => StatusCode::CREATED,
        Set::Changed => StatusCode::OK,
    };
    let shown = shown(&context, &channel).await?;
    Ok((status, shown).into_response())
}
