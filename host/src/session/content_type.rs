//! What data is of which nobody says it.

use std::borrow::Cow;

use hearken_session_protocol::Encoding;
use hearken_session_protocol::payload::check_json;

use super::namespace::DataFormat;
use super::refused::{Refused, bad_request};
use crate::event::json::MAX_DEPTH;

/// Media type of data that is not JSON.
const BINARY: &str = "application/octet-stream";

/// The media type of data that may be JSON or not; `None` for JSON.
#[must_use]
pub fn type_of(data: &[u8]) -> Option<Cow<'static, str>> {
    let is_json = check_json(data, MAX_DEPTH).is_ok();
    (!is_json).then_some(Cow::Borrowed(BINARY))
}

/// The media type of data that a client sends; `None` for JSON.
///
/// # Errors
/// When it is not what the namespace says that it has to be.
pub(super) fn content_type(
    data: &[u8],
    encoding: Encoding,
    format: Option<DataFormat>,
) -> Result<Option<Cow<'static, str>>, Refused> {
    let found = match (encoding, format) {
        // It was checked when it was read.
        (Encoding::Json, _) => None,
        (Encoding::Protobuf, Some(DataFormat::Binary)) => return Ok(Some(Cow::Borrowed(BINARY))),
        (Encoding::Protobuf, _) => type_of(data),
    };
    match format {
        None | Some(DataFormat::Binary) => Ok(found),
        Some(DataFormat::Json | DataFormat::JsonObject) if found.is_some() => {
            Err(bad_request("the data has to be JSON").into())
        }
        Some(DataFormat::JsonObject) if data.trim_ascii_start().first() != Some(&b'{') => {
            Err(bad_request("the data has to be a JSON object").into())
        }
        Some(DataFormat::Json | DataFormat::JsonObject) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_says_what_data_has_to_be() {
        use DataFormat::{Binary, Json, JsonObject};
        use Encoding::{Json as J, Protobuf as P};
        let binary = || Ok(Some(Cow::Borrowed(BINARY)));
        for (data, encoding, format, expected) in [
            ("{}", J, None, Ok(None)),
            ("{}", P, None, Ok(None)),
            ("\u{1}", P, None, binary()),
            ("{}", J, Some(Binary), Ok(None)),
            ("{}", P, Some(Binary), binary()),
            ("1", P, Some(Json), Ok(None)),
            (" {}", J, Some(JsonObject), Ok(None)),
            ("{}", P, Some(JsonObject), Ok(None)),
        ] {
            assert_eq!(content_type(data.as_bytes(), encoding, format), expected);
        }
        for (data, encoding, format) in [
            ("{", P, Json),
            ("1", J, JsonObject),
            ("[]", P, JsonObject),
            ("{", P, JsonObject),
        ] {
            let refused = content_type(data.as_bytes(), encoding, Some(format));
            let Err(Refused::Error(error)) = refused else {
                panic!("{data} is taken: {refused:?}");
            };
            assert_eq!(error.code, 107);
        }
    }
}
