//! What several interfaces have in common: events as guests write and read them.

use std::borrow::Cow;

use hearken_wire::EventRef;

use crate::event::{Draft, ExtensionValue};
use crate::plugin::guest::bindings::plugin::hearken::plugin::types;

/// What a guest is told that sends or waits too often.
pub(super) const OVER_BUDGET: &str =
    "the plugin has sent or waited more often than its budget allows; try again later";

/// A draft with the attributes that a guest gives, but for the channel.
pub(super) fn filled<'a>(event: &'a types::OutgoingEvent, draft: Draft<'a>) -> Draft<'a> {
    Draft {
        id: event.id.as_deref().map(Cow::Borrowed),
        subject: event.subject.as_deref().map(Cow::Borrowed),
        time: event.time.as_deref().map(Cow::Borrowed),
        datacontenttype: event.datacontenttype.as_deref().map(Cow::Borrowed),
        data: event.data.as_deref().map(Cow::Borrowed),
        distributed: event.distributed,
        extensions: event
            .extensions
            .iter()
            .map(|(name, value)| {
                (
                    Cow::Borrowed(name.as_str()),
                    ExtensionValue::String(Cow::Borrowed(value)),
                )
            })
            .collect(),
        ..draft
    }
}

/// An event as guests are given it.
pub(super) fn lift(event: EventRef<'_>, node: &str) -> types::EventResult {
    types::EventResult {
        id: event.id().to_owned(),
        source: event.source().to_owned(),
        type_: event.event_type().to_owned(),
        subject: event.subject().map(str::to_owned),
        time: event.producer_time().map(str::to_owned),
        recorded_time: event.recorded_time(),
        datacontenttype: event.datacontenttype().to_owned(),
        data: event.data().unwrap_or_default().to_vec(),
        distributed: event.distributed(),
        origin: event.origin().to_owned(),
        localorigin: event.origin() == node,
        channel: event.channel().map(str::to_owned),
        sequence: event.sequence(),
        traceparent: event.traceparent().map(str::to_owned),
        tracestate: event.tracestate().map(str::to_owned),
        extensions: event
            .extensions()
            .map(|(name, _, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

/// Numbers of events as guests are given them.
pub(super) fn span(span: hearken_channel_log::Span) -> types::Span {
    types::Span {
        first: span.first,
        last: span.last,
    }
}
