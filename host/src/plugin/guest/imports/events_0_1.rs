//! `hearken:plugin/events` for components built against version 0.1.0 of the package,
//! whose events have one time: the recorded one.

use super::channels::refusal::AppendRefusal;
use super::events::SendRefusal;
use crate::event::Event;
use crate::plugin::guest::bindings::plugin::hearken::plugin::{
    events as current, types as current_types,
};
use crate::plugin::guest::bindings::plugin_0_1::hearken::plugin::{events, types};
use crate::plugin::guest::state::Guest;

impl types::Host for &mut Guest {}

impl events::Host for &mut Guest {
    async fn send(
        &mut self,
        event: types::OutgoingEvent,
    ) -> wasmtime::Result<Result<String, events::SendError>> {
        let event = current_types::OutgoingEvent {
            type_: event.type_,
            id: None,
            subject: event.subject,
            time: None,
            datacontenttype: event.datacontenttype,
            data: event.data,
            distributed: event.distributed,
            channel: event.channel,
            extensions: event.extensions,
        };
        let sent = self.send_event(event).await;
        Ok(sent.map_err(|refusal| match refusal {
            SendRefusal::Live(current::SendError::TooLarge(limit)) => {
                events::SendError::TooLarge(limit)
            }
            SendRefusal::Live(current::SendError::Invalid(reason)) => {
                events::SendError::Invalid(reason)
            }
            SendRefusal::Live(current::SendError::Channel(error)) => {
                events::SendError::Invalid(error.to_string())
            }
            SendRefusal::Live(current::SendError::BudgetExceeded)
            | SendRefusal::Channel(AppendRefusal::Budget) => events::SendError::BudgetExceeded,
            SendRefusal::Channel(refusal) => events::SendError::Invalid(refusal.to_string()),
        }))
    }

    async fn wait(
        &mut self,
        filter: types::Filter,
        timeout_ms: u64,
    ) -> wasmtime::Result<Result<types::EventResult, events::WaitError>> {
        let found = self.wait_for(filter.into(), timeout_ms).await;
        let node = self.plugin.bus.node();
        let found = found.map(|event| lift(&event, node));
        Ok(found.map_err(|error| match error {
            current::WaitError::TimedOut => events::WaitError::TimedOut,
            current::WaitError::Invalid(reason) => events::WaitError::Invalid(reason),
        }))
    }
}

impl From<types::Filter> for current_types::Filter {
    fn from(filter: types::Filter) -> Self {
        Self {
            pattern: filter.pattern,
            subject: filter.subject,
            channel: filter.channel,
            local_only: filter.local_only,
        }
    }
}

impl From<types::Description> for current_types::Description {
    fn from(description: types::Description) -> Self {
        let listeners = description.listeners.into_iter();
        let listener = |listener: types::ListenerDescription| current_types::ListenerDescription {
            name: listener.name,
            filter: listener.filter.into(),
            delivery: current_types::Delivery::Live,
        };
        Self {
            version: description.version,
            listeners: listeners.map(listener).collect(),
        }
    }
}

fn lift(event: &Event, node: &str) -> types::EventResult {
    types::EventResult {
        id: event.id().to_owned(),
        source: event.source().to_owned(),
        type_: event.event_type().to_owned(),
        subject: event.subject().map(str::to_owned),
        time: event.recorded_time(),
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
            .packed()
            .encoded_extensions()
            .map(|(name, _, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}
