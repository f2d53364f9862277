//! The trace context of the request, for events without one of their own.

use std::borrow::Cow;

use axum::http::HeaderMap;

use crate::event::Draft;
use crate::event::trace::TraceContext;

/// Gives the request's trace context to every draft that has none.
pub(super) fn inherit(headers: &HeaderMap, drafts: &mut [Draft<'static>]) {
    let parent = headers
        .get("traceparent")
        .and_then(|value| value.to_str().ok());
    let state: Vec<&str> = headers
        .get_all("tracestate")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter(|value| !value.is_empty())
        .collect();
    let parent = parent.map(|parent| Cow::Owned(parent.to_owned()));
    let Some(trace) = TraceContext::sent(parent, Some(state.join(",").into())) else {
        return;
    };
    for draft in drafts {
        if draft.traceparent.is_none() {
            draft.set_trace(Some(trace.clone()));
        }
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
        let headers = [("traceparent", "x"), ("tracestate", "a=1")];
        let draft = inherited(&headers, None);
        assert_eq!((draft.traceparent, draft.tracestate), (None, None));
        let headers = [("traceparent", PARENT), ("tracestate", "a=\t1")];
        let draft = inherited(&headers, None);
        assert_eq!(draft.traceparent.as_deref(), Some(PARENT));
        assert_eq!(draft.tracestate, None);
    }
}
