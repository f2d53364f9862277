//! From events to CloudEvents.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::event::{Event, ExtensionValue, is_json, is_text, json};

/// An event in the CloudEvents JSON format, as serde serialises it.
#[derive(Clone, Copy, Debug)]
pub struct CloudEvent<'a> {
    event: &'a Event,
    localorigin: bool,
}

impl<'a> CloudEvent<'a> {
    /// The event as delivered on a node; `localorigin` says whether that is the
    /// node of origin.
    #[must_use]
    pub fn new(event: &'a Event, localorigin: bool) -> Self {
        Self { event, localorigin }
    }

    /// The JSON text, on one line.
    ///
    /// # Panics
    /// Never: the event serialises to an object with string keys.
    #[must_use]
    pub fn to_json(self) -> String {
        serde_json::to_string(&self).expect("an object with string keys")
    }
}

impl Serialize for CloudEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.event;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("specversion", "1.0")?;
        map.serialize_entry("id", event.id())?;
        map.serialize_entry("source", event.source())?;
        map.serialize_entry("type", event.event_type())?;
        if let Some(subject) = event.subject() {
            map.serialize_entry("subject", subject)?;
        }
        let recorded = rfc3339(event.recorded_time());
        map.serialize_entry("time", event.producer_time().unwrap_or(&recorded))?;
        map.serialize_entry("recordedtime", &recorded)?;
        map.serialize_entry("datacontenttype", event.datacontenttype())?;
        map.serialize_entry("distributed", &event.distributed())?;
        map.serialize_entry("origin", event.origin())?;
        map.serialize_entry("localorigin", &self.localorigin)?;
        if let Some(channel) = event.channel() {
            map.serialize_entry("channel", channel)?;
        }
        if let Some(sequence) = event.sequence() {
            map.serialize_entry("sequence", &sequence)?;
        }
        if let Some(traceparent) = event.traceparent() {
            map.serialize_entry("traceparent", traceparent)?;
        }
        if let Some(tracestate) = event.tracestate() {
            map.serialize_entry("tracestate", tracestate)?;
        }
        for (name, value) in event.extensions() {
            match value {
                ExtensionValue::Boolean(value) => map.serialize_entry(name, &value)?,
                ExtensionValue::Integer(value) => map.serialize_entry(name, &value)?,
                ExtensionValue::String(value) => map.serialize_entry(name, &value)?,
            }
        }
        if let Some(data) = event.data() {
            match Payload::of(event.datacontenttype(), data) {
                Payload::Json(json) => map.serialize_entry("data", &json)?,
                Payload::Text(text) => map.serialize_entry("data", text)?,
                Payload::Bytes => map.serialize_entry("data_base64", &BASE64.encode(data))?,
            }
        }
        map.end()
    }
}

/// Milliseconds since the Unix epoch as RFC 3339 text in UTC.
#[must_use]
pub fn rfc3339(milliseconds: u64) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&format).ok())
        .unwrap_or_else(|| "9999-12-31T23:59:59.999Z".to_owned())
}

/// How an event's data stands in JSON.
enum Payload<'a> {
    /// Inline, on one line.
    Json(Box<RawValue>),
    /// As a string.
    Text(&'a str),
    /// In base64.
    Bytes,
}

impl<'a> Payload<'a> {
    /// Goes by the media type, as far as the data is what that says.
    fn of(datacontenttype: &str, data: &'a [u8]) -> Self {
        let Ok(text) = std::str::from_utf8(data) else {
            return Self::Bytes;
        };
        if is_json(datacontenttype) {
            return inline_json(text).map_or(Self::Bytes, Self::Json);
        }
        if is_text(datacontenttype) {
            return Self::Text(text);
        }
        Self::Bytes
    }
}

/// `text` as JSON on one line, if it is JSON and not nested too deeply: other nodes may
/// have taken what is.
fn inline_json(text: &str) -> Option<Box<RawValue>> {
    if json::is_too_deep(text.as_bytes()) {
        return None;
    }
    // Line breaks stand between tokens only: inside a JSON string they are escaped.
    let line = if text.contains(['\n', '\r']) {
        text.replace(['\n', '\r'], " ")
    } else {
        text.to_owned()
    };
    RawValue::from_string(line.trim().to_owned()).ok()
}
