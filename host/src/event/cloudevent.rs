//! Events as CloudEvents 1.0: the JSON format in and out, and attributes as
//! strings, the way that HTTP headers carry them in binary mode.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::macros::format_description;

use super::trace::TraceContext;
use super::{
    Draft, DraftError, Event, EventType, ExtensionValue, TypeError, is_json, is_text, json,
};

/// An event in the CloudEvents JSON format, as serde serialises it.
#[derive(Clone, Copy, Debug)]
pub struct CloudEvent<'a> {
    event: &'a Event,
    localorigin: bool,
}

/// Why something is not a CloudEvent that this node takes.
#[derive(Debug, thiserror::Error)]
pub enum CloudEventError {
    /// Not a JSON object.
    #[error("not a JSON object: {0}")]
    Json(#[from] serde_json::Error),
    /// A required attribute is missing.
    #[error("the attribute `{0}` is missing; CloudEvents requires it")]
    Missing(&'static str),
    /// Another version of CloudEvents.
    #[error("`specversion` is {0:?}; this node speaks \"1.0\"")]
    SpecVersion(String),
    /// An attribute has a value of the wrong kind.
    #[error("the attribute `{name}` must be {expected}")]
    WrongKind {
        /// Name of the attribute.
        name: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A member is there twice.
    #[error("the attribute `{0}` is there more than once")]
    Duplicate(String),
    /// An attribute or the data breaks a rule for what clients publish.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// Both `data` and `data_base64` are there.
    #[error("`data` and `data_base64` exclude each other")]
    TwoPayloads,
    /// `data_base64` is not base64.
    #[error("`data_base64` is not standard base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The type is not valid.
    #[error(transparent)]
    Type(#[from] TypeError),
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

/// The members of a JSON object, in their order.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;

        impl<'de> Visitor<'de> for Visit {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Visit)
    }
}

/// The members of a JSON object by their names, each of which it may have once.
fn members(json: &[u8]) -> Result<BTreeMap<String, Box<RawValue>>, CloudEventError> {
    let Members(all) = serde_json::from_slice(json)?;
    let mut members = BTreeMap::new();
    for (name, value) in all {
        match members.entry(name) {
            Entry::Vacant(place) => {
                place.insert(value);
            }
            Entry::Occupied(place) => {
                return Err(CloudEventError::Duplicate(place.remove_entry().0));
            }
        }
    }
    members.retain(|_, value| value.get() != "null");
    Ok(members)
}

/// Reads one event in the CloudEvents JSON format (structured mode), as a client
/// publishes it. A trace context that is not valid is ignored.
///
/// # Errors
/// [`CloudEventError`] names the attribute and what it must be.
pub fn from_json(json: &[u8]) -> Result<Draft<'static>, CloudEventError> {
    let mut members = members(json)?;
    let mut text = |name: &'static str| match members.remove(name) {
        Some(raw) => string(name, &raw).map(|text| Some(Cow::Owned(text))),
        None => Ok(None),
    };
    check_version(text("specversion")?)?;
    let id = text("id")?.ok_or(CloudEventError::Missing("id"))?;
    let source = text("source")?.ok_or(CloudEventError::Missing("source"))?;
    let event_type = text("type")?.ok_or(CloudEventError::Missing("type"))?;
    let mut draft = Draft {
        id: Some(id),
        source: Some(source),
        subject: text("subject")?,
        time: text("time")?,
        datacontenttype: text("datacontenttype")?,
        channel: text("channel")?,
        ..Draft::new(EventType::custom(&event_type)?.into_owned())
    };
    draft.set_trace(TraceContext::sent(
        text("traceparent")?,
        text("tracestate")?,
    ));
    if let Some(raw) = members.remove("distributed") {
        draft.distributed = serde_json::from_str(raw.get())
            .map_err(|_| wrong_kind("distributed", "true or false"))?;
    }
    let inline = members.remove("data");
    let base64 = members.remove("data_base64");
    draft.data = match (inline, base64) {
        (Some(_), Some(_)) => return Err(CloudEventError::TwoPayloads),
        (Some(raw), None) => Some(payload(draft.datacontenttype(), &raw)),
        (None, Some(raw)) => Some(BASE64.decode(string("data_base64", &raw)?)?),
        (None, None) => None,
    }
    .map(Cow::Owned);
    for (name, raw) in members {
        let value = extension(&name, &raw)?;
        draft.extensions.push((Cow::Owned(name), value));
    }
    draft.check_claims()?;
    Ok(draft)
}

/// Reads an event from its attributes as strings and its data (binary mode), as a client
/// publishes it. A trace context that is not valid is ignored.
///
/// # Errors
/// [`CloudEventError`] names the attribute and what it must be.
pub fn from_attributes(
    attributes: impl IntoIterator<Item = (String, String)>,
    datacontenttype: Option<String>,
    data: Option<Vec<u8>>,
) -> Result<Draft<'static>, CloudEventError> {
    let mut attributes: BTreeMap<String, String> = attributes.into_iter().collect();
    check_version(attributes.remove("specversion").map(Cow::Owned))?;
    let mut required = |name| {
        attributes
            .remove(name)
            .ok_or(CloudEventError::Missing(name))
    };
    let (id, source, event_type) = (required("id")?, required("source")?, required("type")?);
    let distributed = match attributes.remove("distributed").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(wrong_kind("distributed", "true or false")),
    };
    let mut take = |name: &str| attributes.remove(name).map(Cow::Owned);
    let mut draft = Draft {
        id: Some(id.into()),
        source: Some(source.into()),
        subject: take("subject"),
        datacontenttype: datacontenttype.map(Cow::Owned),
        data: data.map(Cow::Owned),
        distributed,
        time: take("time"),
        channel: take("channel"),
        ..Draft::new(EventType::custom(&event_type)?.into_owned())
    };
    draft.set_trace(TraceContext::sent(take("traceparent"), take("tracestate")));
    draft.extensions = attributes
        .into_iter()
        .map(|(name, value)| (name.into(), ExtensionValue::String(value.into())))
        .collect();
    draft.check_claims()?;
    Ok(draft)
}

fn check_version(version: Option<Cow<'_, str>>) -> Result<(), CloudEventError> {
    match version {
        None => Err(CloudEventError::Missing("specversion")),
        Some(version) if version == "1.0" => Ok(()),
        Some(version) => Err(CloudEventError::SpecVersion(version.into_owned())),
    }
}

fn wrong_kind(name: &str, expected: &'static str) -> CloudEventError {
    CloudEventError::WrongKind {
        name: name.to_owned(),
        expected,
    }
}

fn string(name: &str, raw: &RawValue) -> Result<String, CloudEventError> {
    serde_json::from_str(raw.get()).map_err(|_| wrong_kind(name, "a string"))
}

/// The bytes of an inline `data`: JSON as it stands; for any other media type a
/// JSON string stands for its text (CloudEvents JSON format, section 3.1).
fn payload(datacontenttype: &str, raw: &RawValue) -> Vec<u8> {
    if is_json(datacontenttype) {
        return raw.get().as_bytes().to_vec();
    }
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => text.into_bytes(),
        Err(_) => raw.get().as_bytes().to_vec(),
    }
}

fn extension(name: &str, raw: &RawValue) -> Result<ExtensionValue<'static>, CloudEventError> {
    let text = raw.get();
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(ExtensionValue::Boolean(value));
    }
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(ExtensionValue::Integer(value));
    }
    serde_json::from_str::<String>(text)
        .map(|value| ExtensionValue::String(value.into()))
        .map_err(|_| wrong_kind(name, "a string, a boolean or a 32-bit integer"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::published::tests::{STAMP, any_draft};
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    proptest! {
        #[test]
        fn json_round_trips(draft in any_draft()) {
            // As a client may send it.
            let traceparent = draft.traceparent.as_ref().map(|_| PARENT.into());
            let tracestate = draft.tracestate.filter(|state| state.is_ascii());
            let tracestate = tracestate.filter(|_| traceparent.is_some());
            let draft = Draft { traceparent, tracestate, ..draft };
            let event = draft.stamp(&STAMP);
            let json = CloudEvent::new(&event, true).to_json();
            // What the node gives it gives again.
            let mut members = members(json.as_bytes()).expect("its own output");
            if draft.time.is_none() {
                members.remove("time");
            }
            for given in ["recordedtime", "origin", "localorigin"] {
                prop_assert!(members.remove(given).is_some());
            }
            let json = serde_json::to_vec(&members).expect("it was JSON");
            let read = from_json(&json).expect("its own output");
            prop_assert_eq!(read.stamp(&STAMP), event);
        }
    }

    #[test]
    fn json_is_inline_text_a_string_and_the_rest_base64() {
        let draft = |content: &'static str, data: &'static [u8]| {
            let mut draft = Draft::new(EventType::custom("a").unwrap());
            draft.datacontenttype = Some(content.into());
            draft.data = Some(data.into());
            let event = draft.stamp(&STAMP);
            let json = CloudEvent::new(&event, false).to_json();
            serde_json::from_str::<serde_json::Value>(&json).expect("valid JSON")
        };
        assert_eq!(draft("application/json", b"{\"a\":\n1}")["data"]["a"], 1);
        assert_eq!(draft("application/vnd.x+json", b"2")["data"], 2);
        assert_eq!(draft("text/plain", b"hi\n\"")["data"], "hi\n\"");
        assert_eq!(draft("image/svg+xml", b"<svg/>")["data"], "<svg/>");
        assert_eq!(draft("text/plain", b"\xff")["data_base64"], "/w==");
        assert_eq!(
            draft("application/octet-stream", b"hi")["data_base64"],
            "aGk="
        );
        assert_eq!(
            draft("text/json", b"not json")["data_base64"],
            "bm90IGpzb24="
        );
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let [fits, deep] = [100, 101].map(nested).map(String::leak);
        let inline = |data: &'static str| draft("application/json", data.as_bytes());
        assert!(inline(fits)["data"].is_array());
        assert!(inline(deep)["data_base64"].is_string());
        assert_eq!(
            draft("application/json", b"not json")["data_base64"],
            "bm90IGpzb24="
        );
        assert_eq!(
            draft("text/plain", b"hi")["time"],
            "2023-11-14T22:13:20.123Z"
        );
        let recorded = &draft("text/plain", b"hi")["recordedtime"];
        assert_eq!(recorded, "2023-11-14T22:13:20.123Z");
        assert_eq!(draft("text/plain", b"hi")["localorigin"], false);
    }

    #[test]
    fn errors_name_the_attribute() {
        let error = |json: &str| from_json(json.as_bytes()).expect_err(json).to_string();
        assert!(error("[1]").starts_with("not a JSON object"));
        assert!(error("{}").contains("`specversion` is missing"));
        assert!(error(r#"{"specversion":"0.3"}"#).contains("0.3"));
        let with = |member: &str| {
            error(&format!(
                r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t",{member}}}"#
            ))
        };
        assert!(with(r#""subject":1"#).contains("`subject` must be a string"));
        assert!(with(r#""data":1,"data_base64":"eA==""#).contains("exclude each other"));
        assert!(with(r#""data_base64":"?""#).contains("base64"));
        assert!(with(r#""more":{}"#).contains("`more` must be"));
        assert!(with(r#""distributed":"yes""#).contains("`distributed` must be"));
        assert!(with(r#""id":"2""#).contains("`id` is there more than once"));
        assert!(with(r#""subject":null,"subject":"s""#).contains("more than once"));
        assert!(with(r#""time":12345"#).contains("`time` must be a string"));
        for name in [
            "origin",
            "localorigin",
            "recordedtime",
            "user",
            "deadreason",
        ] {
            let claimed = with(&format!(r#""{name}":"x""#));
            assert!(
                claimed.contains(&format!("`{name}` is given by the node")),
                "{claimed}"
            );
        }
        let deep = BASE64.encode("[".repeat(101) + &"]".repeat(101));
        let deep = with(&format!(r#""data_base64":"{deep}""#));
        assert!(deep.contains("deeper than 100 levels"), "{deep}");
    }

    fn read(members: &str) -> Draft<'static> {
        let json =
            format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t",{members}}}"#);
        from_json(json.as_bytes()).expect("valid")
    }

    #[test]
    fn what_a_producer_says_of_time_and_sequence_comes_back_as_it_was() {
        let time = "2018-04-05T17:31:00.5+02:00";
        let members = format!(
            r#""time":"{time}","sequence":"0001","sequencetype":"Integer","data":{{"a":1}}"#
        );
        let event = read(&members).stamp(&STAMP);
        let json = CloudEvent::new(&event, true).to_json();
        let json: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
        assert_eq!(json["time"], time);
        assert_eq!(json["recordedtime"], "2023-11-14T22:13:20.123Z");
        assert_eq!(json["sequence"], "0001");
        assert_eq!(json["sequencetype"], "Integer");
        let names = json.as_object().expect("an object").keys();
        assert!(names.into_iter().all(|name| !name.starts_with("producer")));
    }

    #[test]
    fn an_invalid_trace_context_is_ignored() {
        for (parent, taken) in [(PARENT, true), ("garbage", false), ("", false)] {
            let draft = read(&format!(r#""traceparent":"{parent}","tracestate":"a=1""#));
            assert_eq!(draft.traceparent.is_some(), taken, "{parent}");
            assert_eq!(draft.tracestate.is_some(), taken, "{parent}");
        }
    }

    #[test]
    fn text_payloads_may_be_json_strings() {
        let json = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t",
            "datacontenttype":"text/plain","data":"hi","subject":null,"priority":3}"#;
        let draft = from_json(json.as_bytes()).unwrap();
        assert_eq!(draft.data.as_deref(), Some(&b"hi"[..]));
        assert_eq!(draft.subject, None);
        assert_eq!(draft.event_type.as_str(), "custom.t");
        assert_eq!(
            draft.extensions,
            [("priority".into(), ExtensionValue::Integer(3))]
        );
    }

    #[test]
    fn attributes_become_a_draft() {
        let attributes = [
            ("specversion", "1.0"),
            ("id", "1"),
            ("source", "/s"),
            ("type", "t"),
            ("distributed", "true"),
            ("priority", "3"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let draft =
            from_attributes(attributes, Some("text/plain".into()), Some(b"x".to_vec())).unwrap();
        assert!(draft.distributed);
        assert_eq!(draft.datacontenttype(), "text/plain");
        assert_eq!(
            draft.extensions,
            [("priority".into(), ExtensionValue::String("3".into()))]
        );
    }
}
