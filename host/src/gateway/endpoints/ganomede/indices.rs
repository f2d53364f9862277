//! `/events/v1/indices…`: finding events by a text in one of their fields.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::{Extension, Json};
use bytes::Bytes;
use hearken_channel_log::ReadError;
use hearken_wire::EventRef;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::config::Ganomede;
use super::members::Members;
use super::names::{self, field, looked_for, shown_field, shown_from, shown_type};
use super::query::Query;
use super::refusal::Refusal;
use super::send::channel_to_write;
use super::shown::{Shown, answer};
use crate::channel::{Channel, FieldPath, IndexName, ReadFailure, SetFailure};
use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::{At, ChannelRefusal};
use crate::gateway::endpoints::publish::read_body;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;

/// Largest body that defines an index.
const MAX_BODY_BYTES: usize = 64 << 10;

/// Most events of one answer, and most bytes of them but for the last.
const MAX_ROWS: usize = 1000;
const MAX_ROW_BYTES: usize = 4 << 20;

/// Rows of an index that are looked at together, and pages of them for one answer.
const PAGE: usize = 100;
const MAX_PAGES: usize = 100;

/// How long events are looked for that have the value, before it is told that there is no time.
const LOOKED_FOR: Duration = Duration::from_secs(10);

/// How long the definition of an index waits for others.
const TURN: Duration = Duration::from_secs(10);

/// Events that have a value.
#[derive(Serialize)]
struct Rows<'r> {
    id: &'r str,
    field: String,
    value: &'r str,
    rows: Vec<Shown<'r>>,
}

/// Makes an index, unless there is one of that id: answers `"OK"` or `null`.
pub(super) async fn define(
    State(context): State<Arc<Context>>,
    Extension(ganomede): Extension<Arc<Ganomede>>,
    client: Client,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Option<&'static str>>, Refusal> {
    let body = read_body(&context, &client, &headers, body, MAX_BODY_BYTES).await?;
    let members = Members::read(&headers, &body.bytes);
    ganomede.admit(&context, &client, &query, members.as_ref().ok())?;
    let members = members?;
    let id = members.text("id");
    let id = id.ok_or(Refusal::Invalid("Invalid index ID"))?;
    let name = names::channel(members.text("channel").as_deref())?;
    let path = members.text("field").as_deref().and_then(field);
    let path = path.ok_or(Refusal::Invalid("Invalid field"))?;
    let index = names::index(&id);
    let turn = timeout(TURN, ganomede.defining.acquire()).await;
    let _turn = turn.map_err(|_| ChannelRefusal::from(SetFailure::Busy))?;
    // Looked for first, so that no channel is made for an index that is there.
    if of_id(&context, &index)?.is_some() {
        return Ok(Json(None));
    }
    let channel = channel_to_write(&context, &ganomede, &name).await?;
    let added = context.channels.add_index(&channel, index, path).await;
    added.map_err(ChannelRefusal::from)?;
    Ok(Json(Some("OK")))
}

/// Answers with the events that have a text in the field of an index, newest first.
pub(super) async fn find(
    State(context): State<Arc<Context>>,
    Extension(ganomede): Extension<Arc<Ganomede>>,
    client: Client,
    query: Query,
    At((id, value)): At<(String, String)>,
) -> Result<Response, Refusal> {
    ganomede.admit(&context, &client, &query, None)?;
    let index = names::index(&id);
    let found = of_id(&context, &index)?;
    let (channel, path) =
        found.ok_or_else(|| Refusal::NotFound(format!("there is no index {id:?}")))?;
    let events = rows(&channel, &index, &path, &value).await?;
    answer(&context, &client, &events, |rows| Rows {
        id: &id,
        field: shown_field(&path),
        value: &value,
        rows,
    })
}

/// The channel that has the index, and its field. Ids are the whole node's.
fn of_id(
    context: &Context,
    index: &IndexName,
) -> Result<Option<(Arc<Channel>, FieldPath)>, Rejection> {
    if !context.channels.is_open() {
        return Err(Rejection::Starting);
    }
    let channels = context.channels.list(None, usize::MAX).into_iter();
    let mut found = channels.filter_map(|channel| {
        let path = channel.field_of(index)?;
        Some((channel, path))
    });
    Ok(found.next())
}

/// The newest events that have the value as a text; those that have it as a number, which
/// indexes of the node have too, are not among them.
async fn rows(
    channel: &Channel,
    index: &IndexName,
    path: &FieldPath,
    value: &str,
) -> Result<Vec<Bytes>, Refusal> {
    let looked_for = looked_for(path, value);
    let (mut rows, mut bytes, mut before) = (Vec::new(), 0, None);
    let deadline = Instant::now() + LOOKED_FOR;
    for _ in 0..MAX_PAGES {
        if Instant::now() >= deadline {
            // A part would be taken for all of them.
            let overloaded = ReadFailure::Log(ReadError::Overloaded);
            return Err(ChannelRefusal::from(overloaded).into());
        }
        let page = channel.find(index.as_str(), &looked_for, before, PAGE);
        let page = page.await.map_err(ChannelRefusal::from)?;
        for event in page.events {
            if has(EventRef::assume_encoded(&event), path, value) {
                bytes += event.len();
                rows.push(event);
                if rows.len() >= MAX_ROWS || bytes >= MAX_ROW_BYTES {
                    return Ok(rows);
                }
            }
        }
        before = page.before;
        if before.is_none() {
            break;
        }
    }
    Ok(rows)
}

/// Whether an event has a text in a field.
fn has(event: EventRef<'_>, path: &FieldPath, value: &str) -> bool {
    match path.as_str() {
        ".type" => shown_type(event) == value,
        ".from" => shown_from(event) == value,
        // Those are no texts.
        other if other.starts_with('.') => false,
        inner => {
            let data = event.data().unwrap_or_default();
            let data = serde_json::from_slice::<Value>(data).unwrap_or_default();
            let found = inner.split('.').try_fold(&data, |at, name| match at {
                Value::Array(elements) => elements.get(name.parse::<usize>().ok()?),
                at => at.get(name),
            });
            found.and_then(Value::as_str) == Some(value)
        }
    }
}
