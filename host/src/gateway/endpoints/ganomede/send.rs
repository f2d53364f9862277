//! `POST /events/v1/events`: an event for a channel.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use hearken_channel_log::{ChannelName, Expected};

use super::config::Ganomede;
use super::elsewhere::{Sent, There};
use super::members::Members;
use super::names::{self, FROM, TYPE, stored_type};
use super::query::Query;
use super::refusal::Refusal;
use super::shown::{Data, Shown};
use crate::channel::{AppendFailure, Channel, ChannelSettings, SetFailure};
use crate::event::{Draft, ExtensionValue};
use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::ChannelRefusal;
use crate::gateway::endpoints::publish::{read_body, single_limit};
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// Stores an event, and answers with it.
pub(super) async fn send(
    State(context): State<Arc<Context>>,
    Extension(ganomede): Extension<Arc<Ganomede>>,
    client: Client,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let limit = single_limit(&context.bus);
    let body = read_body(&context, &client, &headers, body, limit).await?;
    let members = Members::read(&headers, &body.bytes);
    ganomede.admit(&context, &client, &query, members.as_ref().ok())?;
    let members = members?;
    let text = |name, wrong| members.text(name).ok_or(Refusal::Invalid(wrong));
    text("clientId", "Invalid Client ID")?;
    let channel = names::channel(members.text("channel").as_deref())?;
    let from = text("from", "Invalid from")?;
    let event_type = text("type", "Invalid type")?;
    let data = members.get("data");
    if data.is_some_and(|data| !data.get().starts_with(['{', '['])) {
        return Err(Refusal::Invalid("Invalid data"));
    }
    if !context.readiness.is_ready() {
        return Err(Rejection::Starting.into());
    }
    let (stored_type, cleaned) = stored_type(&event_type);
    let shown = |sequence, time| Shown {
        id: sequence,
        timestamp: time,
        event_type: &event_type,
        from: &from,
        data: data.map(Data::Json),
    };
    if let Some(there) = There::find(&context, &ganomede, &client, &channel).await? {
        let sent = Sent {
            stored_type: stored_type.as_str(),
            shown_type: cleaned.then_some(&event_type),
            from: &from,
            data,
        };
        let stored = there.append(sent).await?;
        let timestamp = stored.timestamp().ok_or(Rejection::Internal)?;
        return Ok(Json(shown(stored.sequence, timestamp)).into_response());
    }
    let mut extensions = vec![(FROM, from.as_str())];
    extensions.extend(cleaned.then_some((TYPE, event_type.as_str())));
    let extensions = extensions.into_iter();
    let draft = Draft {
        data: data.map(|data| data.get().as_bytes().into()),
        extensions: extensions
            .map(|(name, value)| (name.into(), ExtensionValue::String(value.into())))
            .collect(),
        ..Draft::new(stored_type)
    };
    let channel = channel_to_write(&context, &ganomede, &channel).await?;
    let connection = &client.connection;
    // It has no bound on its connections.
    let _ = connection.admit(ganomede.identity());
    let publisher = connection.publisher(ganomede.identity(), &context.bus);
    let stored = channel
        .append(publisher, ganomede.principal(), vec![draft], Expected::Any)
        .await;
    let stored = stored.map_err(|failure| match failure {
        AppendFailure::Event { error, .. } => Rejection::Publish {
            at: None,
            binary: false,
            error,
        },
        failure => ChannelRefusal::from(failure).into(),
    })?;
    let stored = stored.events.first().ok_or(Rejection::Internal)?;
    Ok(Json(shown(stored.sequence, stored.time)).into_response())
}

/// The channel of this name, which is made where that is allowed.
pub(super) async fn channel_to_write(
    context: &Context,
    ganomede: &Ganomede,
    name: &ChannelName,
) -> Result<Arc<Channel>, Refusal> {
    // Another node's is not made here a second time.
    let elsewhere = context.only_here(name.as_str()).await;
    elsewhere.map_err(ChannelRefusal::from)?;
    let missing = match context.find_channel(name.as_str())? {
        Ok(channel) => return Ok(channel),
        Err(missing) => missing,
    };
    if !ganomede.config().create {
        return Err(ChannelRefusal::from(missing).into());
    }
    let settings = ChannelSettings::default();
    match context.channels.set(name, settings, None, true).await {
        Ok((channel, _)) => Ok(channel),
        // Somebody else has made it meanwhile.
        Err(SetFailure::Exists(_) | SetFailure::Declared(_)) => {
            let found = context.find_channel(name.as_str())?;
            Ok(found.map_err(ChannelRefusal::from)?)
        }
        Err(failure) => Err(ChannelRefusal::from(failure).into()),
    }
}
