//! Finding events by a field of their data.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::at::At;
use super::body;
use super::page::{Events, counted, room, turn_to_read};
use super::position::{limit, number};
use super::refusal::ChannelRefusal;
use super::show::{Shown, shown};
use super::view::{ChannelDetails, numbers};
use crate::access::Act;
use crate::channel::{FieldPath, IndexName, SettingsError};
use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::problem::{Numbers, Problem};
use crate::gateway::query::{NoParameters, Parameters};
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// Events of one answer unless told.
const DEFAULT_LIMIT: usize = 100;

/// What is to be indexed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::gateway) struct NewIndex {
    /// The field of the data: names of members with dots between, e.g. `user.id`.
    field: String,
}

/// Events that have a value.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct IndexView {
    /// Name of the channel.
    channel: String,
    /// Which log of that name it is.
    epoch: String,
    /// Name of the index.
    index: String,
    /// The field of the data.
    field: String,
    /// What stands there.
    value: String,
    /// The events, newest first.
    #[schema(value_type = Vec<crate::gateway::openapi::CloudEventJson>)]
    events: Events,
    /// What to ask for as `before` to go on; absent when there are no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
    /// Numbers of events of the channel that are damaged: whatever their data was, they are
    /// not among these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<Numbers>,
}

/// Make an index
///
/// As `indexes` of the channel's settings: one more, or with another field under the same
/// name.
#[utoipa::path(
    put,
    path = "/v1/channels/{name}/indexes/{index}",
    tag = "channels",
    params(
        ("name" = String, Path, description = "The channel's name"),
        ("index" = String, Path, description = "The index's name: 1 to 63 characters of `A-Z a-z 0-9 . _ -`"),
    ),
    request_body = NewIndex,
    responses(
        (status = 200, description = "The channel", body = ChannelDetails),
        (status = 400, description = "Bad name, parameter or body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The configuration declares the channel", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Body too large", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The storage fails, or others change channels", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn set(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    At((name, index)): At<(String, String)>,
    NoParameters: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Shown, Rejection> {
    let channel = context.channel(&name)?;
    let NewIndex { field } = body::json(&context, &identity, &client, &headers, body).await?;
    let index = IndexName::new(&index).map_err(ChannelRefusal::from)?;
    let field = FieldPath::new(&field).map_err(|error| {
        ChannelRefusal::Settings(SettingsError {
            member: "field",
            reason: error.to_string(),
        })
    })?;
    let added = context.channels.add_index(&channel, index, field).await;
    added.map_err(ChannelRefusal::from)?;
    Ok(shown(&context, &channel).await?)
}

/// Find events by an index
///
/// Those whose data has the value in the field, newest first. A string counts as it is, a whole
/// number below 2^64 by its digits, another as the shortest text of that 64-bit float
/// (`1.10` as `1.1`, `1e3` as `1000.0`), a Boolean as `true` or `false`.
#[utoipa::path(
    get,
    path = "/v1/channels/{name}/indexes/{index}/{value}",
    tag = "channels",
    params(
        ("name" = String, Path, description = "The channel's name"),
        ("index" = String, Path, description = "The index's name"),
        ("value" = String, Path, description = "What stands in the field, percent-encoded"),
        ("limit" = Option<usize>, Query, description = "Most events, 1 to 1,000; 100 by default"),
        ("before" = Option<u64>, Query, description = "Only events with lower numbers"),
        ("access_token" = Option<String>, Query, description = "The credential, for clients that cannot send the header `Authorization`"),
    ),
    responses(
        (status = 200, description = "The events", body = IndexView),
        (status = 400, description = "Bad parameter", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel or index", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The index is behind, or the storage fails", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn find(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    At((name, index, value)): At<(String, String, String)>,
    parameters: Parameters,
) -> Result<Response, Rejection> {
    context.check(&identity, &Act::Read(&name), client.address)?;
    parameters.allow(&["limit", "before"])?;
    let limit = limit(&parameters, DEFAULT_LIMIT)?;
    let before = number(&parameters, "before")?;
    let channel = context.readable(&identity, &name)?;
    // Before the turn, which others would wait for with it.
    let current = channel.current_index(&index).await;
    let current = current.map_err(ChannelRefusal::from)?;
    let _turn = turn_to_read(&context, &channel).await?;
    let found = current.find(&value, before, limit).await;
    let found = found.map_err(ChannelRefusal::from)?;
    let part = room(&context, &client, &found.events)?;
    let view = IndexView {
        channel: name,
        epoch: channel.epoch().to_string(),
        index,
        field: found.field.to_string(),
        value,
        events: Events {
            events: found.events,
            node: Arc::clone(context.bus.node()),
        },
        before: found.before,
        damaged: found.damaged.iter().map(numbers).collect(),
    };
    let text = serde_json::to_vec(&view).expect("objects with string keys");
    let headers = [(header::CONTENT_TYPE, "application/json")];
    Ok((headers, counted(text, part)).into_response())
}
