//! From CloudEvents to drafts.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::CloudEventError;
use crate::event::trace::TraceContext;
use crate::event::{Draft, EventType, ExtensionValue, is_json};

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
pub(super) fn members(json: &[u8]) -> Result<BTreeMap<String, Box<RawValue>>, CloudEventError> {
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
