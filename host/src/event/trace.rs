//! W3C Trace Context, level 1: the attributes `traceparent` and `tracestate`, which
//! clients send as headers of a request or within an event.

use std::borrow::Cow;

use super::MAX_ATTRIBUTE_BYTES;

/// The trace that an event belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext<'a> {
    /// A valid `traceparent`.
    pub parent: Cow<'a, str>,
    /// A `tracestate` that can be passed on.
    pub state: Option<Cow<'a, str>>,
}

impl<'a> TraceContext<'a> {
    /// Takes a trace context as somebody sent it. What is invalid is ignored, as the
    /// standard asks: without a valid `traceparent` there is none.
    #[must_use]
    pub fn sent(parent: Option<Cow<'a, str>>, state: Option<Cow<'a, str>>) -> Option<Self> {
        let parent = parent.filter(|parent| is_traceparent(parent))?;
        let state = state.filter(|state| is_tracestate(state));
        Some(Self { parent, state })
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
                && is_passed_on(text)
                && hex(trace, 32)
                && !zero(trace)
                && hex(parent, 16)
                && !zero(parent)
                && hex(flags, 2)
        }
        _ => false,
    }
}

/// A list of vendors' entries; what is in them is their own affair.
fn is_tracestate(text: &str) -> bool {
    !text.is_empty() && is_passed_on(text)
}

/// Whether an attribute of an event can have this value.
fn is_passed_on(text: &str) -> bool {
    let printable = |byte| matches!(byte, b' '..=b'~');
    text.len() <= MAX_ATTRIBUTE_BYTES && text.bytes().all(printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn sent(parent: &'static str, state: Option<&'static str>) -> Option<TraceContext<'static>> {
        TraceContext::sent(Some(parent.into()), state.map(Cow::Borrowed))
    }

    #[test]
    fn what_is_valid_is_taken() {
        for parent in [
            PARENT,
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            let taken = sent(parent, Some("a=1,b=2")).expect("valid");
            assert_eq!(taken.parent, parent);
            assert_eq!(taken.state.as_deref(), Some("a=1,b=2"));
        }
    }

    #[test]
    fn an_invalid_parent_is_ignored_with_its_state() {
        for bad in [
            "",
            "x",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-m\u{9b}re",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        ] {
            assert_eq!(sent(bad, Some("a=1")), None, "{bad}");
        }
        assert_eq!(TraceContext::sent(None, Some("a=1".into())), None);
    }

    #[test]
    fn an_invalid_state_is_ignored_alone() {
        let too_long = "x".repeat(MAX_ATTRIBUTE_BYTES + 1);
        for bad in ["", "a=\t1", "ä=1", &too_long] {
            let taken = TraceContext::sent(Some(PARENT.into()), Some(bad.into()));
            assert_eq!(taken.expect("a valid parent").state, None, "{bad}");
        }
    }
}
