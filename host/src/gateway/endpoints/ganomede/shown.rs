//! An event as the API has it.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hearken_wire::EventRef;
use serde::Serialize;
use serde_json::value::RawValue;

use super::names::{shown_from, shown_type};
use super::refusal::Refusal;
use crate::event::{is_json, json};
use crate::gateway::context::Context;
use crate::gateway::endpoints::channels::{counted, room};
use crate::gateway::serve::client::Client;

/// An event.
#[derive(Debug, Serialize)]
pub(super) struct Shown<'e> {
    /// Its number in the channel.
    pub(super) id: u64,
    /// When it was recorded, in milliseconds since the Unix epoch.
    pub(super) timestamp: u64,
    #[serde(rename = "type")]
    pub(super) event_type: &'e str,
    pub(super) from: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Data<'e>>,
}

/// The data of an event.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Data<'e> {
    /// As it was sent.
    Json(&'e RawValue),
    /// What is no JSON, which clients of the API do not send.
    Bytes {
        /// The bytes.
        data_base64: String,
    },
}

impl<'e> Shown<'e> {
    /// An encoded event that a channel has.
    pub(super) fn of(event: EventRef<'e>) -> Self {
        let data = event.data();
        Self {
            id: event.sequence().unwrap_or_default(),
            timestamp: event.recorded_time(),
            event_type: shown_type(event),
            from: shown_from(event),
            data: data.map(|data| Data::of(event.datacontenttype(), data)),
        }
    }
}

impl<'e> Data<'e> {
    fn of(datacontenttype: &str, data: &'e [u8]) -> Self {
        let is_inline = is_json(datacontenttype) && !json::is_too_deep(data);
        let inline = is_inline.then(|| serde_json::from_slice(data).ok());
        inline.flatten().map_or_else(
            || Self::Bytes {
                data_base64: BASE64.encode(data),
            },
            Self::Json,
        )
    }
}

/// The answer with what is made of these events, which takes memory until it is sent.
pub(super) fn answer<'e, T: Serialize>(
    context: &Context,
    client: &Client,
    events: &'e [Bytes],
    shown: impl FnOnce(Vec<Shown<'e>>) -> T,
) -> Result<Response, Refusal> {
    let part = room(context, client, events)?;
    let all = events.iter().map(|event| EventRef::assume_encoded(event));
    let text = serde_json::to_vec(&shown(all.map(Shown::of).collect()));
    let text = text.expect("objects with string keys");
    let headers = [(header::CONTENT_TYPE, "application/json")];
    Ok((headers, counted(text, part)).into_response())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::{Draft, EventType, Stamp};

    #[test]
    fn data_that_is_no_json_is_shown_in_base64() {
        let shown = |datacontenttype: &str, data: &[u8]| {
            let draft = Draft {
                datacontenttype: Some(datacontenttype.to_owned().into()),
                data: Some(data.to_owned().into()),
                ..Draft::new(EventType::custom("a").unwrap())
            };
            let event = draft.stamp(&Stamp {
                id: ["", "1"],
                source: "/s",
                time: 7,
                origin: "a",
                sequence: None,
            });
            serde_json::to_value(Shown::of(event.packed())).unwrap()
        };
        let json = shown("application/json", b"[1,\n2]");
        assert_eq!(json["data"], json!([1, 2]));
        assert_eq!(
            (&json["from"], &json["timestamp"]),
            (&json!("/s"), &json!(7))
        );
        for (media_type, data) in [
            ("text/plain", &b"Hi!"[..]),
            ("application/json", b"Hi!"),
            ("application/octet-stream", b"Hi!"),
        ] {
            let shown = shown(media_type, data);
            assert_eq!(
                shown["data"],
                json!({"data_base64": "SGkh"}),
                "{media_type}"
            );
        }
    }
}
