//! Positions that clients keep at the node.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::at::At;
use super::body;
use super::position::Position;
use super::refusal::ChannelRefusal;
use super::view::CursorView;
use crate::access::{Act, Identity};
use crate::channel::{Channel, ClientName, Mover};
use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::problem::Problem;
use crate::gateway::query::NoParameters;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// Where a client is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::gateway) struct NewCursor {
    /// Number of the last event that it has read, optionally with the epoch: `41`, `"EPOCH-41"`.
    #[schema(value_type = u64)]
    after: Position,
    /// Whose it is from then on, as `whoami` names principals; only with the right
    /// `operate`.
    #[serde(default)]
    owner: Option<String>,
}

/// Whoever may read the channel, and what they name.
struct Asked {
    channel: Arc<Channel>,
    client: ClientName,
    principal: String,
    operates: bool,
}

impl Asked {
    fn of(
        context: &Context,
        client: &Client,
        identity: &Identity,
        (channel, name): (String, String),
    ) -> Result<Self, Rejection> {
        context.check(identity, &Act::Read(&channel), client.address)?;
        Ok(Self {
            channel: context.readable(identity, &channel)?,
            client: ClientName::new(&name).map_err(ChannelRefusal::from)?,
            principal: identity.principal().to_string(),
            operates: identity.check(&Act::Operate).is_ok(),
        })
    }

    fn mover(&self) -> Mover<'_> {
        Mover {
            principal: &self.principal,
            operates: self.operates,
        }
    }

    async fn shown(&self) -> Result<Json<CursorView>, Rejection> {
        let cursor = self.channel.cursor_for(&self.client, self.mover()).await;
        let cursor = cursor.map_err(ChannelRefusal::from)?;
        let last = self.channel.bounds().map_or(0, |bounds| bounds.last);
        Ok(Json(CursorView::of(cursor, last, self.channel.epoch())))
    }
}

/// Show a client's position
#[utoipa::path(
    get,
    path = "/v1/channels/{name}/cursors/{client}",
    tag = "channels",
    params(
        ("name" = String, Path, description = "The channel's name"),
        ("client" = String, Path, description = "The client's name: 1 to 255 printable characters of ASCII without spaces, percent-encoded"),
    ),
    responses(
        (status = 200, description = "The position", body = CursorView),
        (status = 400, description = "Bad name or parameter", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "It belongs to somebody else", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel or cursor", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The storage fails", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn show(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    At(names): At<(String, String)>,
    NoParameters: NoParameters,
) -> Result<Json<CursorView>, Rejection> {
    let asked = Asked::of(&context, &client, &identity, names)?;
    asked.shown().await
}

/// Move a client's position
///
/// Makes it if there is none. It belongs to whoever made it: others need `operate`, and so
/// does making one for a client that `keep_unread` names.
#[utoipa::path(
    put,
    path = "/v1/channels/{name}/cursors/{client}",
    tag = "channels",
    params(
        ("name" = String, Path, description = "The channel's name"),
        ("client" = String, Path, description = "The client's name"),
    ),
    request_body = NewCursor,
    responses(
        (status = 200, description = "The position", body = CursorView),
        (status = 201, description = "The position, made", body = CursorView),
        (status = 400, description = "Bad name, parameter, body or position", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "It belongs to somebody else, or is reserved", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The position is of another log", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Body too large", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The storage fails", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "Too many cursors", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn set(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    At(names): At<(String, String)>,
    NoParameters: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<CursorView>), Rejection> {
    let asked = Asked::of(&context, &client, &identity, names)?;
    let NewCursor { after, owner } =
        body::json(&context, &identity, &client, &headers, body).await?;
    if owner.is_some() {
        context.check(&identity, &Act::Operate, client.address)?;
    }
    let channel = &asked.channel;
    channel
        .check_epoch(after.epoch)
        .map_err(ChannelRefusal::from)?;
    let owner = owner.as_deref();
    let set = channel.place_cursor(&asked.client, after.number, asked.mover(), owner, true);
    let status = match set.await.map_err(ChannelRefusal::from)? {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    Ok((status, asked.shown().await?))
}

/// Forget a client's position
#[utoipa::path(
    delete,
    path = "/v1/channels/{name}/cursors/{client}",
    tag = "channels",
    params(
        ("name" = String, Path, description = "The channel's name"),
        ("client" = String, Path, description = "The client's name"),
    ),
    responses(
        (status = 204, description = "Forgotten"),
        (status = 400, description = "Bad name or parameter", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "It belongs to somebody else", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such channel or cursor", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The storage fails", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn remove(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    At(names): At<(String, String)>,
    NoParameters: NoParameters,
) -> Result<StatusCode, Rejection> {
    let asked = Asked::of(&context, &client, &identity, names)?;
    let removed = asked.channel.remove_cursor(&asked.client, asked.mover());
    removed.await.map_err(ChannelRefusal::from)?;
    Ok(StatusCode::NO_CONTENT)
}
