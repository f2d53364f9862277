//! Where in an event the value of an index stands.

use std::fmt;

use hearken_wire::EventRef;
use serde_json::Value;

/// Longest name of an index in bytes.
pub const MAX_INDEX_NAME_BYTES: usize = 63;

/// Longest path of a field in bytes.
pub const MAX_FIELD_BYTES: usize = 255;

/// Longest value that is indexed in bytes; events with longer ones are not found by it.
pub const MAX_INDEXED_BYTES: usize = 255;

/// The name of an index: 1 to 63 characters of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexName(String);

/// A field of JSON data: names of members, or numbers of elements from 0, with dots between,
/// e.g. `user.id`. With a dot in front it is an attribute of the event, e.g. `.subject`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath(String);

/// Why a text is no name of an index or no field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// Not a name of an index.
    #[error(
        "{0:?} is no name of an index; it has 1 to {MAX_INDEX_NAME_BYTES} characters of A-Z a-z 0-9 . _ -"
    )]
    Index(String),
    /// Not a field.
    #[error(
        "{0:?} is no field; write the names of members with dots between, e.g. `user.id`, or an \
         attribute after a dot, e.g. `.subject`, {MAX_FIELD_BYTES} bytes at most"
    )]
    Field(String),
}

impl IndexName {
    /// Takes a name.
    ///
    /// # Errors
    /// [`FieldError::Index`] when it breaks the rule.
    pub fn new(text: &str) -> Result<Self, FieldError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if (1..=MAX_INDEX_NAME_BYTES).contains(&text.len()) && text.chars().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(FieldError::Index(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IndexName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FieldPath {
    /// Takes a path.
    ///
    /// # Errors
    /// [`FieldError::Field`] when it is empty, too long, or has an empty name in it.
    pub fn new(text: &str) -> Result<Self, FieldError> {
        let is_path = match text.strip_prefix('.') {
            Some(name) => is_attribute(name),
            None => text.split('.').all(|name| !name.is_empty()),
        };
        let is_short = text.len() <= MAX_FIELD_BYTES;
        if is_path && is_short && !text.chars().any(char::is_control) {
            return Ok(Self(text.to_owned()));
        }
        Err(FieldError::Field(text.to_owned()))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands there in an event whose data is this JSON, if any: see
    /// [`FieldPath::value_in`].
    pub(super) fn value_of(&self, event: EventRef<'_>, data: Option<&Value>) -> Option<String> {
        let Some(name) = self.0.strip_prefix('.') else {
            return self.value_in(data?);
        };
        let value = match name {
            "id" => event.id(),
            "source" => event.source(),
            "type" => event.event_type(),
            "subject" => event.subject()?,
            _ => {
                let mut extensions = event.extensions();
                extensions.find(|(known, ..)| *known == name)?.2
            }
        };
        (value.len() <= MAX_INDEXED_BYTES).then(|| value.to_owned())
    }

    /// What stands there in JSON data, if it is a text, a number or a Boolean of at most
    /// 255 bytes. A whole number below 2^64 counts by its digits, another as the
    /// shortest text of its 64-bit float.
    #[must_use]
    pub fn value_in(&self, data: &Value) -> Option<String> {
        let mut at = data;
        for name in self.0.split('.') {
            at = match at {
                Value::Array(elements) => elements.get(name.parse::<usize>().ok()?)?,
                at => at.as_object()?.get(name)?,
            };
        }
        let value = match at {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        (value.len() <= MAX_INDEXED_BYTES).then_some(value)
    }
}

/// Whether an attribute may have the name (CloudEvents 1.0, section 3.1).
fn is_attribute(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !name.is_empty() && name.bytes().all(allowed)
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::{Draft, EventType, Stamp};

    #[test]
    fn a_field_is_found_where_its_path_leads() {
        let data = json!({"user": {"id": "7", "age": 41, "ok": true, "none": null}, "a": [1]});
        let value = |path: &str| FieldPath::new(path).unwrap().value_in(&data);
        assert_eq!(value("user.id").as_deref(), Some("7"));
        assert_eq!(value("user.age").as_deref(), Some("41"));
        assert_eq!(value("user.ok").as_deref(), Some("true"));
        assert_eq!(value("a.0").as_deref(), Some("1"));
        for (number, text) in [
            ("1.10", "1.1"),
            ("1e3", "1000.0"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            let data = serde_json::from_str(&format!("{{\"n\": {number}}}")).unwrap();
            let field = FieldPath::new("n").unwrap();
            assert_eq!(field.value_in(&data).as_deref(), Some(text));
        }
        for path in [
            "user",
            "user.none",
            "user.id.more",
            "a",
            "a.1",
            "a.x",
            "other",
            ".id",
        ] {
            assert_eq!(value(path), None, "{path}");
        }
        let long = json!({"v": "x".repeat(MAX_INDEXED_BYTES + 1)});
        assert_eq!(FieldPath::new("v").unwrap().value_in(&long), None);
    }

    #[test]
    fn an_attribute_stands_behind_a_dot() {
        let draft = Draft {
            subject: Some("seven".into()),
            ..Draft::new(EventType::custom("t").unwrap())
        };
        let event = draft.stamp(&Stamp {
            id: ["", "1"],
            source: "/s",
            time: 0,
            origin: "a",
            sequence: None,
        });
        let data = json!({"type": "other"});
        let value = |path: &str| {
            let field = FieldPath::new(path).unwrap();
            field.value_of(event.packed(), Some(&data))
        };
        assert_eq!(value(".type").as_deref(), Some("custom.t"));
        assert_eq!(value(".subject").as_deref(), Some("seven"));
        assert_eq!(value("type").as_deref(), Some("other"));
        assert_eq!(value(".from"), None);
    }

    #[test]
    fn what_is_no_path_and_no_name_is_refused() {
        for path in ["", ".", "a.", ".a.b", ".A", "..a", "a..b", "a\n"] {
            assert!(FieldPath::new(path).is_err(), "{path:?}");
        }
        for name in ["", "a/b", "a b", "ä", &"x".repeat(64)] {
            assert!(IndexName::new(name).is_err(), "{name:?}");
        }
        assert_eq!(
            IndexName::new("by-user.id_1").unwrap().as_str(),
            "by-user.id_1"
        );
    }
}
