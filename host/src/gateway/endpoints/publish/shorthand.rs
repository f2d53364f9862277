//! The shorthand: an event as a small JSON object.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::error::EventError;
use crate::event::{Draft, EventType, json};

const MEMBERS: &[&str] = &[
    "type",
    "id",
    "source",
    "subject",
    "data",
    "distributed",
    "channel",
];

/// An event in shorthand. A member that is null counts as absent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::gateway) struct NewEvent {
    /// Dotted name, e.g. `cart.added`; arrives as `custom.cart.added`.
    #[serde(rename = "type")]
    event_type: String,
    /// Unique for the source; set by the node if absent.
    id: Option<String>,
    /// Who made it, a URI reference; by default the publisher.
    source: Option<String>,
    /// The thing that the event is about.
    subject: Option<String>,
    /// The payload: any JSON, handed on as it stands.
    #[schema(value_type = Option<serde_json::Value>)]
    data: Option<Box<RawValue>>,
    /// Whether the event is sent to every node of the cluster.
    distributed: Option<bool>,
    /// Channel to append to.
    channel: Option<String>,
}

/// Reads the body of a request.
pub(super) fn read(body: &[u8]) -> Result<Draft<'static>, EventError> {
    if body.is_empty() {
        return Err(EventError::Empty);
    }
    json::check(body)?;
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let event: NewEvent = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| explain(body, error))?;
    Ok(Draft {
        id: event.id.map(Into::into),
        source: event.source.map(Into::into),
        subject: event.subject.map(Into::into),
        data: event
            .data
            .map(|data| String::from(Box::<str>::from(data)).into_bytes().into()),
        distributed: event.distributed.unwrap_or(false),
        channel: event.channel.map(Into::into),
        ..Draft::new(EventType::custom(&event.event_type)?.into_owned())
    })
}

/// Says what is wrong with a body that is JSON but not an event.
fn explain(body: &[u8], error: serde_path_to_error::Error<serde_json::Error>) -> EventError {
    match serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(body) {
        Ok(members) if members.contains_key("specversion") => EventError::DisguisedCloudEvent,
        Ok(members) => {
            if let Some(name) = members
                .into_keys()
                .find(|name| !MEMBERS.contains(&name.as_str()))
            {
                return EventError::UnknownMember {
                    name,
                    known: MEMBERS,
                };
            }
            let path = error.path().to_string();
            let reason = error.into_inner().to_string();
            // The path is `.` where a member is missing or doubled.
            let name = MEMBERS
                .iter()
                .find(|name| path == **name || reason.contains(&format!("`{name}`")))
                .map_or(path, |name| (*name).to_owned());
            EventError::Member { name, reason }
        }
        Err(_) if body.trim_ascii_start().starts_with(b"[") => EventError::DisguisedBatch,
        Err(_) => EventError::Syntax(error.into_inner()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(body: &str) -> EventError {
        read(body.as_bytes()).expect_err(body)
    }

    proptest! {
        #[test]
        fn whatever_the_body_is_it_is_answered(body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = read(&body);
        }

        #[test]
        fn data_is_kept_byte_for_byte(
            number in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?(e[+-]?[0-9])?",
            space in "[ \t\r\n]{0,3}",
            text in any::<String>(),
        ) {
            let text = serde_json::to_string(&text).unwrap();
            let data = format!("{{{space}\"b\":{space}{number},{space}\"a\":{text}}}");
            let body = format!("{{\"type\":\"t\",\"data\":{data}}}");
            let draft = read(body.as_bytes()).unwrap();
            prop_assert_eq!(draft.data.as_deref(), Some(data.as_bytes()));
        }
    }

    #[test]
    fn members_become_attributes() {
        let draft = read(
            br#"{"type":"cart.added","id":"1","source":"/shop","subject":"7","data":{"n":1.0},"distributed":true,"channel":null}"#,
        )
        .unwrap();
        assert_eq!(draft.event_type.as_str(), "custom.cart.added");
        assert_eq!(draft.id.as_deref(), Some("1"));
        assert_eq!(draft.source.as_deref(), Some("/shop"));
        assert_eq!(draft.subject.as_deref(), Some("7"));
        assert_eq!(draft.data.as_deref(), Some(&br#"{"n":1.0}"#[..]));
        assert!(draft.distributed);
        assert_eq!(draft.channel, None);
    }

    #[test]
    fn errors_name_the_member() {
        assert_eq!(error(r#"{"tpye":"a"}"#).member(), Some("tpye"));
        assert!(
            error(r#"{"tpye":"a"}"#)
                .to_string()
                .contains("did you mean `type`?")
        );
        assert_eq!(error("{}").member(), Some("type"));
        assert_eq!(error(r#"{"type":1}"#).member(), Some("type"));
        assert_eq!(
            error(r#"{"type":"a","distributed":1}"#).member(),
            Some("distributed")
        );
        assert_eq!(error(r#"{"type":"a","type":"b"}"#).member(), Some("type"));
        assert_eq!(error(r#"{"type":"a b"}"#).member(), Some("type"));
        assert!(
            error(r#"{"type":"a","subject":[]}"#)
                .to_string()
                .contains("line 1 column")
        );
    }

    #[test]
    fn other_bodies_are_told_apart() {
        assert!(matches!(error(""), EventError::Empty));
        assert!(matches!(error("[]"), EventError::DisguisedBatch));
        assert!(matches!(error("{"), EventError::Syntax(_)));
        assert!(matches!(error("3"), EventError::Syntax(_)));
        let cloud_event = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
        assert!(matches!(
            error(cloud_event),
            EventError::DisguisedCloudEvent
        ));
    }
}
