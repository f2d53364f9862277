//! `hearken:plugin/events`: publishing and waiting.

use std::borrow::Cow;
use std::time::Duration;

use crate::bus::{Closed, Filter, PublishError};
use crate::event::{Draft, Event, EventType, ExtensionValue, MAX_ATTRIBUTE_BYTES, Pattern};
use crate::plugin::guest::bindings::plugin::hearken::plugin::{events, types};
use crate::plugin::guest::context::SendError;
use crate::plugin::guest::state::Guest;

/// What a guest is told that sends or waits too often.
pub(super) const OVER_BUDGET: &str =
    "the plugin has sent or waited more often than its budget allows; try again later";

impl types::Host for &mut Guest {}

impl events::Host for &mut Guest {
    fn send(
        &mut self,
        event: types::OutgoingEvent,
    ) -> wasmtime::Result<Result<String, events::SendError>> {
        let event_type = match EventType::custom(&event.type_) {
            Ok(event_type) => event_type,
            Err(error) => return Ok(Err(events::SendError::Invalid(error.to_string()))),
        };
        if let Err(why) = self.may_publish(&event_type) {
            return Ok(Err(events::SendError::Invalid(why)));
        }
        let draft = Draft {
            id: event.id.as_deref().map(Cow::Borrowed),
            subject: event.subject.as_deref().map(Cow::Borrowed),
            time: event.time.as_deref().map(Cow::Borrowed),
            datacontenttype: event.datacontenttype.as_deref().map(Cow::Borrowed),
            data: event.data.as_deref().map(Cow::Borrowed),
            distributed: event.distributed,
            channel: event.channel.as_deref().map(Cow::Borrowed),
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
            ..self.draft(event_type)
        };
        Ok(self
            .plugin
            .publish(&draft)
            .map(|event| event.id())
            .map_err(|error| match error {
                SendError::Budget => events::SendError::BudgetExceeded,
                SendError::Publish(PublishError::TooLarge { limit, .. }) => {
                    events::SendError::TooLarge(limit as u64)
                }
                SendError::Publish(error) => events::SendError::Invalid(error.to_string()),
            }))
    }

    async fn wait(
        &mut self,
        filter: types::Filter,
        timeout_ms: u64,
    ) -> wasmtime::Result<Result<types::EventResult, events::WaitError>> {
        let found = self.wait_for(filter, timeout_ms).await;
        Ok(found.map(|event| lift(&event, self.plugin.bus.node())))
    }
}

impl Guest {
    /// Waits for the next event that a guest's filter matches and that the guest may hear.
    pub(super) async fn wait_for(
        &mut self,
        filter: types::Filter,
        timeout_ms: u64,
    ) -> Result<Event, events::WaitError> {
        let filter = filter_of(filter).map_err(events::WaitError::Invalid)?;
        // A wait makes every publisher find its receivers anew.
        if !self.plugin.spend() {
            return Err(events::WaitError::Invalid(OVER_BUDGET.to_owned()));
        }
        let (patterns, _) = self.rights.now().heard(&filter.pattern);
        if patterns.is_empty() {
            let why = self.plugin.refuse_right("listen", filter.pattern.as_str());
            return Err(events::WaitError::Invalid(why));
        }
        let narrowed = patterns.into_iter().map(|pattern| Filter {
            pattern,
            ..filter.clone()
        });
        let waiter = self.plugin.bus.wait_for_any(narrowed.collect());
        let timeout = Duration::from_millis(timeout_ms);
        let next = async {
            loop {
                let event = waiter.recv().await?;
                // What might be heard when the wait began is no matter.
                if self.rights.now().may_hear(event.event_type()) {
                    return Ok::<_, Closed>(event);
                }
            }
        };
        match tokio::time::timeout(timeout, next).await {
            Ok(Ok(event)) => Ok(event),
            Ok(Err(_)) | Err(_) => Err(events::WaitError::TimedOut),
        }
    }
}

/// The host's form of a guest's filter; the error says what is wrong with it.
pub(crate) fn filter_of(filter: types::Filter) -> Result<Filter, String> {
    for (name, value) in [("subject", &filter.subject), ("channel", &filter.channel)] {
        let bytes = value.as_ref().map_or(0, String::len);
        if bytes > MAX_ATTRIBUTE_BYTES {
            return Err(format!(
                "the {name} has {bytes} bytes; that of an event has at most {MAX_ATTRIBUTE_BYTES}"
            ));
        }
    }
    let pattern = Pattern::new(&filter.pattern).map_err(|error| error.to_string())?;
    Ok(Filter {
        subject: filter.subject.map(Into::into),
        channel: filter.channel.map(Into::into),
        local_only: filter.local_only,
        ..Filter::new(pattern)
    })
}

fn lift(event: &Event, node: &str) -> types::EventResult {
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
            .map(|(name, value)| (name.to_owned(), value.to_string()))
            .collect(),
    }
}
