//! Numbers of events that a plugin's listeners want and the node's policy withholds.

use hearken_channel_log::Span;

/// Numbers of events that were withheld and not told yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Withheld {
    /// From the first to the last of them.
    pub(super) span: Span,
    pub(super) count: u64,
}

impl Withheld {
    /// With one more, if there are any yet.
    pub(super) fn with(before: Option<Self>, number: u64) -> Self {
        let Some(Self { span, count }) = before else {
            let (first, last) = (number, number);
            return Self {
                span: Span { first, last },
                count: 1,
            };
        };
        Self {
            span: Span {
                first: span.first.min(number),
                last: span.last.max(number),
            },
            count: count.saturating_add(1),
        }
    }
}
