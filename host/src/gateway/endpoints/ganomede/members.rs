//! Members of a body, as the API reads them.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};
use serde_json::value::RawValue;

use super::refusal::Refusal;
use crate::event::{is_json, json};
use crate::gateway::rejection::Rejection;

/// The members of a body that is a JSON object; any other has none.
#[derive(Debug, Default)]
pub(super) struct Members<'b>(BTreeMap<String, &'b RawValue>);

impl<'b> Members<'b> {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Refusal`] when it says that it is JSON, and is not.
    pub(super) fn read(headers: &HeaderMap, body: &'b [u8]) -> Result<Self, Refusal> {
        let text = |name| headers.get(name).map(|value| value.to_str());
        if let Some(coding) = headers.get(header::CONTENT_ENCODING)
            && coding != "identity"
        {
            let coding = String::from_utf8_lossy(coding.as_bytes()).into_owned();
            return Err(Rejection::ContentEncoding(coding).into());
        }
        let says_json = text(header::CONTENT_TYPE).and_then(Result::ok);
        if !says_json.is_some_and(is_json) || body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let wrong = |error: String| Refusal::Content(format!("Invalid JSON: {error}"));
        json::check(body).map_err(|error| wrong(error.to_string()))?;
        if !body.trim_ascii_start().starts_with(b"{") {
            return Ok(Self::default());
        }
        let members = serde_json::from_slice(body).map_err(|error| wrong(error.to_string()))?;
        Ok(Self(members))
    }

    /// A member that is a text and not empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text = serde_json::from_str::<String>(self.get(name)?.get()).ok();
        text.filter(|text| !text.is_empty())
    }

    /// A member as it stands in the body.
    pub(super) fn get(&self, name: &str) -> Option<&'b RawValue> {
        self.0.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'b>(media_type: &str, body: &'b str) -> Result<Members<'b>, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        Members::read(&headers, body.as_bytes())
    }

    #[test]
    fn members_are_texts_or_stand_as_they_are() {
        let body = r#" {"a": "x\n\u00e4", "a": "ä\t", "b": "", "c": 5, "data": {"n": 1.0} } "#;
        let members = read("application/json; charset=utf-8", body).unwrap();
        assert_eq!(members.text("a").as_deref(), Some("ä\t"), "the last holds");
        for name in ["b", "c", "data", "other"] {
            assert_eq!(members.text(name), None, "{name}");
        }
        let data = members.get("data").map(RawValue::get);
        assert_eq!(data, Some(r#"{"n": 1.0}"#));
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for (media_type, body) in [
            ("application/json", ""),
            ("application/json", "[1]"),
            ("application/json", "\"a\""),
            ("text/plain", r#"{"a": "x"}"#),
            ("application/x-www-form-urlencoded", "a=x"),
        ] {
            let members = read(media_type, body).unwrap();
            assert_eq!(members.text("a"), None, "{body}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let deep = format!("{{\"a\": {}1{}}}", "[".repeat(200), "]".repeat(200));
        for body in ["{", r#"{"a": }"#, "x", &deep] {
            let refused = read("application/json", body);
            assert!(matches!(refused, Err(Refusal::Content(_))), "{body}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
        assert!(Members::read(&headers, b"").is_err());
    }
}
