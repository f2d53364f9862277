//! `/v1/sessions…`: sessions as operators see them and what they may do to them.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use hearken_session_protocol::Disconnect;
use hearken_session_protocol::codes::disconnects;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::acted::{Reached, not_found};
use super::addressed::{Exclude, To};
use super::refusal::SessionRefusal;
use super::view::{SessionList, SessionView};
use crate::gateway::caller::Caller;
use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::body;
use crate::gateway::problem::Problem;
use crate::gateway::query::{NoParameters, Parameters, QueryError};
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use crate::session::{ChannelName, SessionAct, Sessions, Spared, Whose};

/// Sessions of one answer unless told.
const DEFAULT_LIMIT: usize = 100;

/// Most sessions of one answer.
const MAX_LIMIT: usize = 1_000;

/// The codes that applications may close sessions with, and that the protocol has (its table of
/// codes).
const CODES: std::ops::RangeInclusive<u32> = 3000..=4999;

/// Longest reason, in bytes: what fits into a close frame (RFC 6455, section 5.5).
const MAX_REASON: usize = 123;

/// A message for sessions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::gateway) struct NewMessage {
    to: To,
    /// The message, any JSON.
    #[schema(value_type = serde_json::Value)]
    data: Box<RawValue>,
    #[serde(default)]
    exclude: Option<Exclude>,
}

/// A message for a session.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::gateway) struct MessageData {
    /// The message, any JSON.
    #[schema(value_type = serde_json::Value)]
    data: Box<RawValue>,
}

/// Which sessions are to be closed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::gateway) struct NewDisconnect {
    to: To,
    /// What clients are told, 3000 to 4999: from 3500 to 3999 and from 4500 on they stay away.
    /// 3503 by default.
    #[serde(default)]
    code: Option<u32>,
    /// What people are told, up to 123 bytes.
    #[serde(default)]
    reason: Option<String>,
}

/// List the sessions
///
/// Those of all nodes, by their ids. Other nodes have a second to list theirs.
#[utoipa::path(
    get,
    path = "/v1/sessions",
    tag = "sessions",
    params(
        ("user" = Option<String>, Query, description = "Only those of this user"),
        ("channel" = Option<String>, Query, description = "Only those that are subscribed to this channel; not together with `user`"),
        ("node" = Option<String>, Query, description = "Only those of the node of this name"),
        ("after" = Option<String>, Query, description = "Only those whose id comes after this one"),
        ("limit" = Option<usize>, Query, description = "Most sessions, 1 to 1,000; 100 by default. There may be fewer even if others follow"),
    ),
    responses(
        (status = 200, description = "The sessions", body = SessionList),
        (status = 400, description = "Bad parameter", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such node, or sessions are off", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn list(
    State(context): State<Arc<Context>>,
    parameters: Parameters,
) -> Result<Json<SessionList>, Rejection> {
    parameters.allow(&["user", "channel", "node", "after", "limit"])?;
    let sessions = context.sessions_on()?;
    let limit = limit(&parameters)?;
    let node = parameters.get_filled("node");
    if let Some(node) = node {
        context.check_node(node)?;
    }
    let after = parameters.get_filled("after").unwrap_or_default();
    let user = parameters.get("user");
    let whose = match parameters.get_filled("channel") {
        None => user.map_or(Whose::All, |user| Whose::User(user.to_owned())),
        Some(_) if user.is_some() => {
            return Err(QueryError::Invalid {
                name: "channel",
                reason: "it is given together with `user`; give one of both".to_owned(),
            }
            .into());
        }
        Some(channel) => {
            let name = ChannelName::new(channel).map_err(|error| QueryError::Invalid {
                name: "channel",
                reason: error.to_string(),
            })?;
            Whose::Channel(name)
        }
    };
    let page = sessions.list_everywhere(&whose, node, after, limit).await;
    let shown: Vec<_> = page.sessions.iter().map(SessionView::of).collect();
    let next = shown.last().filter(|_| page.has_more);
    Ok(Json(SessionList {
        next: next.map(|last| last.id.clone()),
        partial: page.is_partial,
        sessions: shown,
    }))
}

/// Show a session
#[utoipa::path(
    get,
    path = "/v1/sessions/{id}",
    tag = "sessions",
    params(("id" = String, Path, description = "The session's id, which clients know as `client`")),
    responses(
        (status = 200, description = "The session", body = SessionView),
        (status = 400, description = "Unknown parameter", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such session, or sessions are off", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It was not found, and a node has not said whether it has it", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn show(
    State(context): State<Arc<Context>>,
    id: Result<Path<String>, PathRejection>,
    NoParameters: NoParameters,
) -> Result<Json<SessionView>, Rejection> {
    let id = given(id)?;
    let found = context.sessions_on()?.show_anywhere(&id).await;
    match found.sessions.first() {
        Some(status) => Ok(Json(SessionView::of(status))),
        None => Err(not_found(id, found.is_unanswered).into()),
    }
}

/// Close a session
///
/// Its client stays away: it is told the code 3503. `POST /v1/sessions/disconnect` takes others.
#[utoipa::path(
    delete,
    path = "/v1/sessions/{id}",
    tag = "sessions",
    params(("id" = String, Path, description = "The session's id, which clients know as `client`")),
    responses(
        (status = 204, description = "Closed"),
        (status = 400, description = "Unknown parameter", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such session, or sessions are off", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It was not found, and a node has not said whether it has it", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn remove(
    State(context): State<Arc<Context>>,
    id: Result<Path<String>, PathRejection>,
    NoParameters: NoParameters,
) -> Result<StatusCode, Rejection> {
    let id = given(id)?;
    let why = disconnects::FORCE_DISCONNECT;
    let act = SessionAct::Disconnect {
        why,
        spared: Spared::default(),
    };
    context.act_on(id, &act).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send a session a message
#[utoipa::path(
    post,
    path = "/v1/sessions/{id}/messages",
    tag = "sessions",
    params(("id" = String, Path, description = "The session's id, which clients know as `client`")),
    request_body = MessageData,
    responses(
        (status = 202, description = "On its way", body = Reached),
        (status = 400, description = "Bad parameter or body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such session, or sessions are off", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It was not found, and a node has not said whether it has it", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Body too large", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn message(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    id: Result<Path<String>, PathRejection>,
    NoParameters: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Reached>), Rejection> {
    let id = given(id)?;
    let MessageData { data } = body::json(&context, &identity, &client, &headers, body).await?;
    let act = SessionAct::Message {
        data: Bytes::copy_from_slice(data.get().as_bytes()),
        binary: None,
        excluded: Spared::default(),
    };
    let reached = context.act_on(id, &act).await?;
    Ok((StatusCode::ACCEPTED, Json(reached)))
}

/// Send sessions a message
///
/// On whichever nodes they are. Other nodes have a second to say how many they were.
#[utoipa::path(
    post,
    path = "/v1/sessions/messages",
    tag = "sessions",
    request_body = NewMessage,
    responses(
        (status = 202, description = "On its way to so many", body = Reached),
        (status = 400, description = "Bad parameter or body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such node, or sessions are off", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Body too large", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn messages(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    NoParameters: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Reached>), Rejection> {
    let message: NewMessage = body::json(&context, &identity, &client, &headers, body).await?;
    context.sessions_on()?;
    let whose = message.to.whose(&context)?;
    let excluded = message.exclude.map(Exclude::spared).transpose()?;
    let act = SessionAct::Message {
        data: Bytes::copy_from_slice(message.data.get().as_bytes()),
        binary: None,
        excluded: excluded.unwrap_or_default(),
    };
    let reached = context.act(&whose, &act).await?;
    Ok((StatusCode::ACCEPTED, Json(reached)))
}

/// Close sessions
///
/// On whichever nodes they are. Other nodes have a second to say how many they were.
#[utoipa::path(
    post,
    path = "/v1/sessions/disconnect",
    tag = "sessions",
    request_body = NewDisconnect,
    responses(
        (status = 200, description = "So many were closed", body = Reached),
        (status = 400, description = "Bad parameter or body", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such node, or sessions are off", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body came too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Body too large", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::gateway) async fn disconnect(
    State(context): State<Arc<Context>>,
    client: Client,
    Caller(identity): Caller,
    NoParameters: NoParameters,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Reached>, Rejection> {
    let asked: NewDisconnect = body::json(&context, &identity, &client, &headers, body).await?;
    context.sessions_on()?;
    let whose = asked.to.whose(&context)?;
    let default = disconnects::FORCE_DISCONNECT;
    let code = asked.code.unwrap_or(default.code);
    let reason = asked.reason.map_or(default.reason, Into::into);
    if !CODES.contains(&code) || reason.len() > MAX_REASON {
        return Err(SessionRefusal::Code.into());
    }
    let act = SessionAct::Disconnect {
        why: Disconnect { code, reason },
        spared: Spared::default(),
    };
    Ok(Json(context.act(&whose, &act).await?))
}

impl Context {
    /// The node's sessions.
    ///
    /// # Errors
    /// [`SessionRefusal::Off`] when nothing says who could have one.
    pub(super) fn sessions_on(&self) -> Result<&Sessions, SessionRefusal> {
        match self.sessions.are_on() {
            true => Ok(&self.sessions),
            false => Err(SessionRefusal::Off),
        }
    }

    /// Checks that there is such a node, even if it cannot be reached.
    pub(super) fn check_node(&self, node: &str) -> Result<(), SessionRefusal> {
        match self.sessions.knows_node(node) {
            true => Ok(()),
            false => Err(SessionRefusal::UnknownNode(node.to_owned())),
        }
    }
}

/// The id in the path. One that is no UTF-8 is nobody's.
fn given(id: Result<Path<String>, PathRejection>) -> Result<String, SessionRefusal> {
    let id = id.map(|Path(id)| id);
    id.map_err(|_| SessionRefusal::NoSession(String::new()))
}

fn limit(parameters: &Parameters) -> Result<usize, QueryError> {
    let Some(text) = parameters.get_filled("limit") else {
        return Ok(DEFAULT_LIMIT);
    };
    let limit = text.parse().ok();
    let limit = limit.filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| QueryError::Invalid {
        name: "limit",
        reason: format!("{text:?} is not a whole number from 1 to {MAX_LIMIT}"),
    })
}
