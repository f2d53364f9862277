//! Where in a request something is wrong, as problems tell it.

use axum::http::header;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is percent-encoded in a pointer: all but RFC 3986's unreserved characters.
const NOT_IN_FRAGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The header that carries an attribute in binary mode.
pub(super) fn header_of(attribute: &str) -> String {
    match attribute {
        "datacontenttype" => header::CONTENT_TYPE.to_string(),
        other => format!("ce-{other}"),
    }
}

/// A JSON Pointer in its fragment form.
pub(super) fn pointer(at: Option<usize>, member: Option<&str>) -> String {
    let mut pointer = "#".to_owned();
    if let Some(at) = at {
        pointer.push_str(&format!("/{at}"));
    }
    if let Some(member) = member {
        let member = member.replace('~', "~0").replace('/', "~1");
        let member = utf8_percent_encode(&member, NOT_IN_FRAGMENT);
        pointer.push_str(&format!("/{member}"));
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::pointer;

    #[test]
    fn pointers_are_escaped() {
        assert_eq!(pointer(Some(3), Some("data_base64")), "#/3/data_base64");
        assert_eq!(pointer(None, Some("a/b~c d")), "#/a~1b~0c%20d");
        assert_eq!(pointer(Some(3), None), "#/3");
    }
}
