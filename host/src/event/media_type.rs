//! What media types say of an event's data.

/// Media type of event data when nothing else is said.
pub const JSON_CONTENT_TYPE: &str = "application/json";

/// Whether `datacontenttype` says JSON: `application/json`, `text/json` or any
/// `+json` type, with or without parameters (CloudEvents JSON format, section 3.1).
#[must_use]
pub fn is_json(datacontenttype: &str) -> bool {
    let Some((_, subtype)) = essence(datacontenttype).split_once('/') else {
        return false;
    };
    subtype.eq_ignore_ascii_case("json") || ends_with(subtype, "+json")
}

/// Whether `datacontenttype` says text in UTF-8: `text/*`, `*/xml` or any `+xml` type
/// that names no other character set.
#[must_use]
pub fn is_text(datacontenttype: &str) -> bool {
    let Some((kind, subtype)) = essence(datacontenttype).split_once('/') else {
        return false;
    };
    let textual = kind.eq_ignore_ascii_case("text")
        || subtype.eq_ignore_ascii_case("xml")
        || ends_with(subtype, "+xml");
    let parameters = datacontenttype.split(';').skip(1);
    let charsets = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim_ascii().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim_ascii().trim_matches('"'))
    });
    let mut charsets = charsets.map(str::to_ascii_lowercase);
    textual && charsets.all(|charset| matches!(&*charset, "utf-8" | "utf8" | "us-ascii"))
}

/// The media type without its parameters.
fn essence(datacontenttype: &str) -> &str {
    let essence = datacontenttype.split(';').next();
    essence.unwrap_or_default().trim_ascii()
}

fn ends_with(subtype: &str, suffix: &str) -> bool {
    subtype
        .len()
        .checked_sub(suffix.len())
        .and_then(|at| subtype.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_told_apart() {
        for (datacontenttype, json, text) in [
            ("application/json", true, false),
            ("Application/JSON; charset=utf-8", true, false),
            ("application/vnd.x+JSON", true, false),
            ("text/json", true, true),
            ("text/plain", false, true),
            ("TEXT/csv; header=present; Charset=\"UTF-8\"", false, true),
            ("text/plain;charset=us-ascii", false, true),
            ("text/plain; charset=iso-8859-1", false, false),
            ("text/plain; charset=utf-16", false, false),
            ("application/xml", false, true),
            ("image/svg+xml", false, true),
            ("application/xmlish", false, false),
            ("application/octet-stream", false, false),
            ("textual", false, false),
            ("", false, false),
        ] {
            assert_eq!(is_json(datacontenttype), json, "{datacontenttype}");
            assert_eq!(is_text(datacontenttype), text, "{datacontenttype}");
        }
    }
}
