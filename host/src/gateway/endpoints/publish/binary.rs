//! CloudEvents in binary mode: attributes in `ce-` headers, data in the body
//! (HTTP protocol binding 1.0, section 3.1).

use axum::http::{HeaderMap, HeaderValue, header};
use percent_encoding::percent_decode;

use super::error::EventError;
use crate::event::{Draft, cloudevent, is_json, json};

const PREFIX: &str = "ce-";

/// Media type of a body that is said to be nothing and is no JSON (RFC 9110, section
/// 8.3).
const UNKNOWN_CONTENT_TYPE: &str = "application/octet-stream";

/// Attributes that are carried elsewhere in this mode.
const ELSEWHERE: [(&str, &str); 2] = [
    (
        "datacontenttype",
        "the data's media type belongs in `content-type`",
    ),
    ("data", "the data belongs in the body"),
];

/// Whether the headers carry attributes.
pub(super) fn is_binary(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with(PREFIX))
}

/// Reads an event from headers and body; an empty body is no data.
pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Draft<'static>, EventError> {
    let mut attributes = Vec::new();
    for name in headers.keys() {
        let Some(attribute) = name.as_str().strip_prefix(PREFIX) else {
            continue;
        };
        let bad = |reason| EventError::Header {
            name: name.as_str().to_owned(),
            reason,
        };
        if let Some((_, reason)) = ELSEWHERE.iter().find(|(known, _)| *known == attribute) {
            return Err(bad(reason));
        }
        let mut values = headers.get_all(name).iter();
        let value = match (values.next(), values.next()) {
            (Some(value), None) => decode(value).map_err(bad)?,
            _ => return Err(bad("it is given more than once")),
        };
        attributes.push((attribute.to_owned(), value));
    }
    let content_type = match headers.get(header::CONTENT_TYPE) {
        None => None,
        Some(value) => Some(
            value
                .to_str()
                .map_err(|_| EventError::Header {
                    name: "content-type".to_owned(),
                    reason: "it has characters outside ASCII",
                })?
                .to_owned(),
        ),
    };
    let content_type = match content_type {
        None if !body.is_empty() => undeclared(body)?,
        Some(declared) if is_json(&declared) && !body.is_empty() => {
            json::check(body)?;
            Some(declared)
        }
        content_type => content_type,
    };
    let data = (!body.is_empty()).then(|| body.to_vec());
    cloudevent::from_attributes(attributes, content_type, data).map_err(EventError::Binary)
}

/// Media type of a body of which nothing is said: JSON, which is an event's default, if
/// it is JSON.
fn undeclared(body: &[u8]) -> Result<Option<String>, EventError> {
    match json::check(body) {
        Ok(()) => Ok(None),
        Err(error) if json::is_too_deep(body) => Err(error.into()),
        Err(_) => Ok(Some(UNKNOWN_CONTENT_TYPE.to_owned())),
    }
}

/// Undoes, in this order, quoting as an RFC 9110 string and percent-encoding.
fn decode(value: &HeaderValue) -> Result<String, &'static str> {
    let unquoted = unquote(value.as_bytes())?;
    percent_decode(&unquoted)
        .decode_utf8()
        .map(|text| text.into_owned())
        .map_err(|_| "its percent-decoded value is not UTF-8")
}

fn unquote(value: &[u8]) -> Result<Vec<u8>, &'static str> {
    let Some(inner) = value.strip_prefix(b"\"") else {
        return Ok(value.to_vec());
    };
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    loop {
        match bytes.next() {
            Some(b'"') if bytes.as_slice().is_empty() => return Ok(text),
            Some(b'"') => return Err("something follows the closing quotation mark"),
            Some(b'\\') => match bytes.next() {
                Some(byte) => text.push(*byte),
                None => return Err("the quotation mark is not closed"),
            },
            Some(byte) => text.push(*byte),
            None => return Err("the quotation mark is not closed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    /// What the binding says must be encoded, besides what is not ASCII.
    const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

    fn decoded(text: &str) -> Result<String, &'static str> {
        decode(&HeaderValue::from_bytes(text.as_bytes()).expect("a header value"))
    }

    proptest! {
        #[test]
        fn encoded_values_round_trip(text in any::<String>()) {
            let encoded = utf8_percent_encode(&text, ENCODED).to_string();
            prop_assert_eq!(decoded(&encoded), Ok(text));
        }

        #[test]
        fn quoted_values_round_trip(text in "[ -~]{0,12}") {
            let quoted = text.replace('%', "%25").replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(decoded(&format!("\"{quoted}\"")), Ok(text));
        }
    }

    #[test]
    fn examples_of_the_binding() {
        assert_eq!(
            decoded("Euro%20%E2%82%AC%20%F0%9F%98%80"),
            Ok("Euro € 😀".into())
        );
        assert_eq!(decoded("%2525"), Ok("%25".into()), "one round only");
        assert_eq!(decoded("100%"), Ok("100%".into()));
        assert!(decoded("%ff").is_err());
        assert!(decoded("\"open").is_err());
        assert!(decoded("\"a\"b").is_err());
    }
}
