//! The trace context of the request, for events without one of their own.

use std::borrow::Cow;

use axum::http::HeaderMap;

use crate::event::{Draft, MAX_ATTRIBUTE_BYTES};

/// Gives the request's `traceparent` and `tracestate` to every draft that has
/// no `traceparent`. An invalid header is ignored, as W3C Trace Context asks.
pub(super) fn inherit(headers: &HeaderMap, drafts: &mut [Draft<'static>]) {
    let Some(parent) = headers
        .get("traceparent")
        .and_then(|value| value.to_str().ok())
        .filter(|value| is_traceparent(value))
    else {
        return;
    };
    let state: Vec<&str> = headers
        .get_all("tracestate")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter(|value| !value.is_empty())
        .collect();
    let state = Some(state.join(","))
        .filter(|state| !state.is_empty() && state.len() <= MAX_ATTRIBUTE_BYTES);
    for draft in drafts {
        if draft.traceparent.is_none() {
            draft.traceparent = Some(Cow::Owned(parent.to_owned()));
            draft.tracestate = state.clone().map(Cow::Owned);
        }
    }
}

/// `version-traceid-parentid-flags` in lower-case hexadecimal; later versions
/// may append fields.
fn is_traceparent(text: &str) -> bool {
    let hex = |text: &str, length| {
        text.len() == length
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let fields: Vec<&str> = text.splitn(5, '-').collect();
    match fields[..] {
        [version, trace, parent, flags, ref rest @ ..] => {
            hex(version, 2)
                && version != "ff"
                && (version != "00" || rest.is_empty())
                && text.len() <= MAX_ATTRIBUTE_BYTES
                && hex(trace, 32)
                && !zero(trace)
                && hex(parent, 16)
                && !zero(parent)
                && hex(flags, 2)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventType;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn inherited(
        headers: &[(&'static str, &'static str)],
        own: Option<&'static str>,
    ) -> Draft<'static> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a header value"));
        }
        let mut draft = Draft::new(EventType::custom("t").unwrap().into_owned());
        draft.traceparent = own.map(Into::into);
        inherit(&map, std::slice::from_mut(&mut draft));
        draft
    }

    #[test]
    fn headers_fill_in() {
        let headers = [
            ("traceparent", PARENT),
            ("tracestate", "a=1"),
            ("tracestate", "b=2"),
        ];
        let draft = inherited(&headers, None);
        assert_eq!(draft.traceparent.as_deref(), Some(PARENT));
        assert_eq!(draft.tracestate.as_deref(), Some("a=1,b=2"));
    }

    #[test]
    fn what_the_event_says_wins() {
        let draft = inherited(
            &[("traceparent", PARENT), ("tracestate", "a=1")],
            Some("own"),
        );
        assert_eq!(draft.traceparent.as_deref(), Some("own"));
        assert_eq!(draft.tracestate, None);
    }

    #[test]
    fn invalid_headers_are_ignored() {
        for bad in [
            "x",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        ] {
            assert_eq!(
                inherited(&[("traceparent", bad)], None).traceparent,
                None,
                "{bad}"
            );
        }
        let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more";
        assert!(
            inherited(&[("traceparent", later)], None)
                .traceparent
                .is_some()
        );
    }
}
