//! Channels of other nodes: what this API asks of them is asked of their nodes as the node's own
//! API has it, so that they need no secret.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use hearken_channel_log::ChannelName;
use hearken_wire::EventRef;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;
use uuid::Uuid;

use super::config::Ganomede;
use super::names::{FROM, TYPE};
use super::refusal::Refusal;
use crate::channel::ClientName;
use crate::event::CUSTOM_PREFIX;
use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::ChannelRefusal;
use crate::gateway::endpoints::channels::elsewhere::{Asking, Lasting, target};
use crate::gateway::problem::Problem;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use crate::passing::PassedRights;

/// Packed events, as they lie in the log.
const FRAMES: HeaderValue = HeaderValue::from_static("application/vnd.hearken.frames");

/// The source of events that are sent to another node, which has none to give them.
const SOURCE: &str = "/clients/ganomede";

/// Requests for one poll: with a position behind the end it is asked again from the end, and
/// for a client whose position cannot be kept without it.
const MAX_ASKED: usize = 3;

/// A channel of another node.
pub(super) struct There<'r> {
    context: &'r Arc<Context>,
    ganomede: &'r Ganomede,
    client: &'r Client,
    name: &'r ChannelName,
    node: Arc<str>,
}

/// An event to send.
pub(super) struct Sent<'e> {
    /// The type that it is kept under.
    pub(super) stored_type: &'e str,
    /// The type as it was given, where that is another.
    pub(super) shown_type: Option<&'e str>,
    pub(super) from: &'e str,
    pub(super) data: Option<&'e RawValue>,
}

/// What a poll asks for.
pub(super) struct Polled<'p> {
    pub(super) cursor: &'p ClientName,
    pub(super) after: Option<u64>,
    pub(super) limit: usize,
    /// How long it waits for an event.
    pub(super) until: Instant,
}

/// What is answered to an append.
#[derive(Debug, Deserialize)]
pub(super) struct Stored {
    /// Its number.
    pub(super) sequence: u64,
    time: String,
}

/// A request.
struct Ask<'a> {
    method: Method,
    rest: &'a str,
    headers: HeaderMap,
    body: Bytes,
    rights: PassedRights,
    lasting: Option<Lasting>,
}

/// Why the other node does not do as asked.
enum Unanswered {
    /// It says why.
    Told(StatusCode, Box<Problem>),
    Refused(Refusal),
}

impl Stored {
    /// When it was recorded, in milliseconds since the Unix epoch.
    pub(super) fn timestamp(&self) -> Option<u64> {
        let time = OffsetDateTime::parse(&self.time, &Rfc3339).ok()?;
        u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
    }
}

impl From<Unanswered> for Refusal {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Told(status, problem) => Self::Told(status, problem.detail),
            Unanswered::Refused(refusal) => refusal,
        }
    }
}

impl<'r> There<'r> {
    /// The channel of this name, if it lies on another node.
    pub(super) async fn find(
        context: &'r Arc<Context>,
        ganomede: &'r Ganomede,
        client: &'r Client,
        name: &'r ChannelName,
    ) -> Result<Option<Self>, Refusal> {
        let node = context.lies_on(name.as_str()).await;
        let node = node.map_err(ChannelRefusal::from)?;
        Ok(node.map(|node| Self {
            context,
            ganomede,
            client,
            name,
            node,
        }))
    }

    /// Stores an event.
    pub(super) async fn append(&self, event: Sent<'_>) -> Result<Stored, Refusal> {
        let bare = event.stored_type.strip_prefix(CUSTOM_PREFIX);
        let id = Uuid::new_v4().to_string();
        let attributes = [
            ("specversion", Some("1.0")),
            ("id", Some(&*id)),
            ("source", Some(SOURCE)),
            ("type", bare),
            (FROM, Some(event.from)),
            (TYPE, event.shown_type),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in attributes {
            let Some(value) = value else { continue };
            let name = HeaderName::try_from(format!("ce-{name}"));
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
            let value = HeaderValue::try_from(value).expect("letters, digits and `%`");
            headers.insert(name.expect("lower-case letters"), value);
        }
        let data = event.data.map(|data| data.get().as_bytes());
        if data.is_some() {
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
        }
        let stored = self.ask(Ask {
            method: Method::POST,
            rest: "/events",
            headers,
            body: data.map(Bytes::copy_from_slice).unwrap_or_default(),
            rights: PassedRights {
                publish: vec![format!("{CUSTOM_PREFIX}*")],
                append: vec![self.name.to_string()],
                ..PassedRights::default()
            },
            lasting: None,
        });
        let stored = stored.await?;
        serde_json::from_slice(&stored).map_err(|_| Rejection::Internal.into())
    }

    /// The newest events, ascending.
    pub(super) async fn latest(&self, limit: usize) -> Result<Vec<Bytes>, Refusal> {
        let rest = format!("/latest?limit={limit}");
        Ok(self.read(&rest, None).await?)
    }

    /// The events behind a position, or the next that come.
    pub(super) async fn poll(&self, polled: Polled<'_>) -> Result<Vec<Bytes>, Refusal> {
        let Polled {
            cursor,
            after,
            limit,
            until,
        } = polled;
        let (mut from, mut kept) = (after, true);
        let mut left = MAX_ASKED;
        loop {
            left -= 1;
            let rest = rest(from, kept.then_some(cursor), limit, until);
            match self.read(&rest, Some(Lasting::Wait)).await {
                Ok(events) => return Ok(behind(events, after)),
                Err(Unanswered::Told(status, problem)) if left > 0 => {
                    match (status, problem.last) {
                        // What comes is behind the end.
                        (StatusCode::BAD_REQUEST, Some(last)) if from > Some(last) => {
                            from = Some(last);
                        }
                        // The API has no answer for that: who polls gets their events.
                        (StatusCode::INSUFFICIENT_STORAGE | StatusCode::FORBIDDEN, _) if kept => {
                            self.ganomede.say_unkept(self.name, &problem.detail);
                            kept = false;
                        }
                        _ => return Err(Unanswered::Told(status, problem).into()),
                    }
                }
                Err(unanswered) => return Err(unanswered.into()),
            }
        }
    }

    async fn read(&self, rest: &str, lasting: Option<Lasting>) -> Result<Vec<Bytes>, Unanswered> {
        let ask = Ask {
            method: Method::GET,
            rest,
            headers: [(header::ACCEPT, FRAMES)].into_iter().collect(),
            body: Bytes::new(),
            rights: PassedRights {
                read: vec![self.name.to_string()],
                ..PassedRights::default()
            },
            lasting,
        };
        let packed = self.ask(ask).await?;
        let internal = || Unanswered::Refused(Rejection::Internal.into());
        unpacked(packed).ok_or_else(internal)
    }

    async fn ask(&self, ask: Ask<'_>) -> Result<Bytes, Unanswered> {
        let name = self.name.as_str();
        let asking = Asking {
            context: self.context,
            client: self.client,
            identity: self.ganomede.identity(),
            name,
            node: &self.node,
            method: &ask.method,
            target: target(name, ask.rest),
            headers: &ask.headers,
            body: ask.body,
            rights: ask.rights,
            lasting: ask.lasting,
        };
        let refused = |rejection: Rejection| Unanswered::Refused(rejection.into());
        let answer = asking.answer().await.map_err(refused)?;
        let (head, body) = answer.into_parts();
        // It is there as a whole.
        let body = to_bytes(body, usize::MAX).await;
        let body = body.map_err(|_| refused(Rejection::Internal))?;
        if head.status.is_success() {
            return Ok(body);
        }
        let problem = serde_json::from_slice::<Problem>(&body);
        let problem = problem.map_err(|_| refused(Rejection::Internal))?;
        Err(Unanswered::Told(head.status, Box::new(problem)))
    }
}

/// The path and query of a poll.
fn rest(after: Option<u64>, cursor: Option<&ClientName>, limit: usize, until: Instant) -> String {
    let mut rest = format!("/events?limit={limit}");
    if let Some(after) = after {
        rest += &format!("&after={after}");
    }
    if let Some(cursor) = cursor {
        rest += &format!(
            "&client={}",
            utf8_percent_encode(cursor.as_str(), NON_ALPHANUMERIC)
        );
    }
    let wait = until.saturating_duration_since(Instant::now());
    rest + &format!("&wait={}ms", wait.as_millis())
}

/// Those behind a position.
fn behind(mut events: Vec<Bytes>, after: Option<u64>) -> Vec<Bytes> {
    let after = after.unwrap_or(0);
    events.retain(|event| EventRef::assume_encoded(event).sequence() > Some(after));
    events
}

/// The events of a packed body; nothing if it is none.
fn unpacked(packed: Bytes) -> Option<Vec<Bytes>> {
    let mut events = Vec::new();
    let mut at = 0;
    while at < packed.len() {
        let (event, _) = EventRef::take(&packed[at..]).ok()?;
        let end = at + event.as_bytes().len();
        events.push(packed.slice(at..end));
        at = end;
    }
    Some(events)
}
