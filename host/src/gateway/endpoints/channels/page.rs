//! Events of a channel as answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hearken_channel_log::{Epoch, ReadError};
use hearken_wire::EventRef;
use serde::ser::{Serialize, SerializeSeq, Serializer};
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::etag::etag;
use super::refusal::ChannelRefusal;
use super::view::numbers;
use crate::channel::{Channel, EngineKind, Found, ReadFailure};
use crate::event::{CloudEvent, Event};
use crate::gateway::context::Context;
use crate::gateway::problem::Numbers;
use crate::gateway::rejection::Rejection;
use crate::gateway::serve::client::Client;
use crate::gateway::serve::memory::Part;
use crate::gateway::serve::slots::Full;

/// Media type of packed events.
const FRAMES: &str = "application/vnd.hearken.frames";

/// Media type of an array of events.
const BATCHED: &str = "application/cloudevents-batch+json";

/// Room for what surrounds the events of an answer.
const ENVELOPE: usize = 1 << 10;

/// Room for what an event has as JSON besides its attributes and its data: names, times and
/// punctuation.
const NAMES: usize = 512;

/// Events of a channel.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(in crate::gateway) struct EventPage {
    /// Name of the channel.
    channel: String,
    /// Which log of that name it is.
    epoch: String,
    /// The events, ascending.
    #[schema(value_type = Vec<crate::gateway::openapi::CloudEventJson>)]
    events: Events,
    /// What to ask for as `after` to go on.
    next: u64,
    /// Number of the channel's last event.
    last: u64,
    /// Numbers that were asked for and are no longer kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<Numbers>,
    /// Damaged numbers before the newest events: none before them is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    damaged: Option<Numbers>,
}

/// Encoded events, as CloudEvents.
pub(super) struct Events {
    pub(super) events: Vec<Bytes>,
    /// The node that sends them.
    pub(super) node: Arc<str>,
}

/// How events are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A page as JSON.
    Page,
    /// An array of CloudEvents.
    Batch,
    /// Packed, as they lie in the log.
    Frames,
}

impl Form {
    /// As somebody asks for it.
    pub(super) fn asked(headers: &HeaderMap) -> Self {
        match () {
            () if accepts(headers, FRAMES) => Self::Frames,
            () if accepts(headers, BATCHED) => Self::Batch,
            () => Self::Page,
        }
    }
}

/// Whether somebody asks for that media type.
pub(super) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let accept = headers.get_all(header::ACCEPT).iter();
    let mut accept = accept.filter_map(|value| value.to_str().ok());
    accept.any(|value| value.contains(media_type))
}

/// A text of an answer, which counts until it is sent.
struct Answer {
    text: Vec<u8>,
    _parts: Vec<Part>,
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl Serialize for Events {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_seq(Some(self.events.len()))?;
        for event in &self.events {
            let event = event_of(event);
            let localorigin = event.origin() == &*self.node;
            all.serialize_element(&CloudEvent::new(&event, localorigin))?;
        }
        all.end()
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} events", self.events.len())
    }
}

/// An encoded event that a channel has stored.
pub(super) fn event_of(event: &[u8]) -> Event {
    Event::copied(EventRef::assume_encoded(event))
}

/// Bytes that the events take as JSON, at most.
pub(super) fn text_bytes(events: &[Bytes]) -> usize {
    // What is no text stands in base64.
    let base64 = |event: &Bytes| event.len().div_ceil(3) * 4;
    let events = events.iter();
    let bytes = events.map(|event| escaped_bytes(event).max(base64(event)) + NAMES);
    bytes.sum()
}

/// Bytes that a text takes in JSON, at most (RFC 8259, section 7).
fn escaped_bytes(text: &[u8]) -> usize {
    let more = text.iter().map(|byte| match *byte {
        0..0x20 => 5,
        b'"' | b'\\' => 1,
        _ => 0,
    });
    text.len() + more.sum::<usize>()
}

/// Pages of channels on disk that are read at a time. Until they take their part of the memory for
/// answers, each may have some MiB that nobody counts; the disk reads no more of them at once.
pub(in crate::gateway) const READS_AT_ONCE: usize = 16;

/// How long a turn to read is waited for.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// A turn to read a page, which is held until the answer has its memory. A channel in memory needs
/// none: what is read of that is there already.
///
/// # Errors
/// When it does not come in time.
pub(super) async fn turn_to_read<'c>(
    context: &'c Context,
    channel: &Channel,
) -> Result<Option<SemaphorePermit<'c>>, Rejection> {
    if channel.engine_kind() == EngineKind::Memory {
        return Ok(None);
    }
    let turn = timeout(TURN_WITHIN, context.reads.acquire()).await;
    let overloaded = ReadFailure::Log(ReadError::Overloaded);
    match turn.ok().and_then(Result::ok) {
        Some(turn) => Ok(Some(turn)),
        None => Err(ChannelRefusal::from(overloaded).into()),
    }
}

/// The same for a page behind the position `after`: what is read of memory, or is not there, needs
/// no turn, however long others wait for the disk.
///
/// # Errors
/// When it does not come in time.
pub(super) async fn turn_to_read_behind<'c>(
    context: &'c Context,
    channel: &Channel,
    after: u64,
) -> Result<Option<SemaphorePermit<'c>>, Rejection> {
    match channel.is_in_memory(after) {
        true => Ok(None),
        false => turn_to_read(context, channel).await,
    }
}

/// Memory for the answer with these events as JSON, until that is sent.
pub(in crate::gateway::endpoints) fn room(
    context: &Context,
    client: &Client,
    events: &[Bytes],
) -> Result<Part, Rejection> {
    room_of(context, client, text_bytes(events))
}

/// Memory for so many bytes of an answer.
pub(in crate::gateway::endpoints) fn room_of(
    context: &Context,
    client: &Client,
    bytes: usize,
) -> Result<Part, Rejection> {
    let part = part(context, client.address, bytes);
    part.map_err(|full| Rejection::full("bytes of memory for requests and answers", full))
}

/// The same for whoever waits for it.
pub(super) fn part(context: &Context, address: IpAddr, bytes: usize) -> Result<Part, Full> {
    let memory = &context.bodies;
    // Of what is larger than there ever is room for, that has to do.
    let bytes = bytes.saturating_add(ENVELOPE).min(memory.largest());
    memory.take(bytes, Some(address))
}

/// A text as the body of an answer, which takes its part of the memory until it is sent.
pub(in crate::gateway::endpoints) fn counted(text: Vec<u8>, part: Part) -> Bytes {
    counted_by(text, vec![part])
}

/// The same of one that takes these parts.
pub(in crate::gateway::endpoints) fn counted_by(text: Vec<u8>, parts: Vec<Part>) -> Bytes {
    Bytes::from_owner(Answer {
        text,
        _parts: parts,
    })
}

/// The answer with what was found.
pub(super) fn answer(
    context: &Arc<Context>,
    client: &Client,
    channel: &str,
    epoch: Epoch,
    found: Found,
    form: Form,
) -> Result<Response, Rejection> {
    let bytes = match form {
        Form::Page | Form::Batch => text_bytes(&found.events),
        Form::Frames => found.events.iter().map(Bytes::len).sum(),
    };
    let part = room_of(context, client, bytes)?;
    let page = EventPage {
        channel: channel.to_owned(),
        epoch: epoch.to_string(),
        events: Events {
            events: found.events,
            node: Arc::clone(context.bus.node()),
        },
        next: found.next,
        last: found.last,
        gap: found.gap.as_ref().map(numbers),
        damaged: found.damaged.as_ref().map(numbers),
    };
    let json = |text: serde_json::Result<Vec<u8>>| text.expect("objects with string keys");
    let (media_type, text) = match form {
        Form::Page => ("application/json", json(serde_json::to_vec(&page))),
        Form::Batch => (BATCHED, json(serde_json::to_vec(&page.events))),
        Form::Frames => (FRAMES, page.events.events.concat()),
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::ETAG, etag(epoch, found.last));
    if form != Form::Page {
        headers.insert("hearken-next", found.next.into());
        headers.insert("hearken-last", found.last.into());
        if let Some(gap) = found.gap {
            let gap = HeaderValue::try_from(format!("{}-{}", gap.first, gap.last));
            headers.insert("hearken-gap", gap.expect("digits and a dash"));
        }
        if let Some(damaged) = found.damaged {
            let damaged = HeaderValue::try_from(format!("{}-{}", damaged.first, damaged.last));
            headers.insert("hearken-damaged", damaged.expect("digits and a dash"));
        }
    }
    Ok((headers, counted(text, part)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Draft, EventType, Stamp};

    #[test]
    fn events_take_no_more_as_text_than_is_counted() {
        let texts: [(&str, Vec<u8>); 4] = [
            ("text/plain", vec![1; 3000]),
            ("text/plain", b"\"\\".repeat(1500)),
            ("application/octet-stream", vec![0xff; 3000]),
            ("application/json", b"{\"a\":\"\\u0001\"}".to_vec()),
        ];
        for (media_type, data) in texts {
            let draft = Draft {
                datacontenttype: Some(media_type.into()),
                data: Some(data.into()),
                ..Draft::new(EventType::custom("a").expect("valid"))
            };
            let event = draft.stamp(&Stamp {
                id: ["", "1"],
                source: "/s",
                time: 0,
                origin: "a",
                sequence: None,
            });
            let counted = text_bytes(&[Bytes::copy_from_slice(event.as_bytes())]);
            let taken = CloudEvent::new(&event, true).to_json().len();
            assert!(taken <= counted, "{media_type}: {taken} of {counted}");
            assert!(
                counted <= 2 * taken + NAMES,
                "{media_type}: {counted} for {taken}"
            );
        }
    }
}
