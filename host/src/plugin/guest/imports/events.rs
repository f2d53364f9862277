//! `hearken:plugin/events`: publishing and waiting.

use std::time::Duration;

use super::channels::refusal::AppendRefusal;
use super::forms::{OVER_BUDGET, filled, lift};
use crate::bus::{Closed, Filter, PublishError, Receiver};
use crate::event::{Event, EventType, MAX_ATTRIBUTE_BYTES, Pattern};
use crate::plugin::guest::bindings::plugin::hearken::plugin::{events, types};
use crate::plugin::guest::context::SendError;
use crate::plugin::guest::state::Guest;
use crate::session::{ChannelName, PublishFailure, PublishOptions, Sessions, namespace_of};

/// Why a guest's event is neither published nor appended.
pub(super) enum SendRefusal {
    Live(events::SendError),
    Channel(AppendRefusal),
}

impl types::Host for &mut Guest {}

impl events::Host for &mut Guest {
    async fn send(
        &mut self,
        event: types::OutgoingEvent,
    ) -> wasmtime::Result<Result<String, events::SendError>> {
        let sent = self.send_event(event).await;
        Ok(sent.map_err(|refusal| match refusal {
            SendRefusal::Live(error) => error,
            SendRefusal::Channel(refusal) => events::SendError::Channel(refusal.into()),
        }))
    }

    async fn wait(
        &mut self,
        filter: types::Filter,
        timeout_ms: u64,
    ) -> wasmtime::Result<Result<types::EventResult, events::WaitError>> {
        let found = self.wait_for(filter, timeout_ms).await;
        Ok(found.map(|event| lift(event.packed(), self.plugin.bus.node())))
    }
}

impl Guest {
    /// Publishes a guest's event, or appends it to the channel that it names; returns its id.
    pub(super) async fn send_event(
        &mut self,
        event: types::OutgoingEvent,
    ) -> Result<String, SendRefusal> {
        if let Some(channel) = event.channel.clone() {
            if let Some(sessions) = self.sessions_of(&channel) {
                let published = self.publish_to_sessions(&sessions, &channel, &event);
                return published.map_err(SendRefusal::Live);
            }
            let appended = self.append_to(&channel, vec![event], None).await;
            let stored = appended.map_err(SendRefusal::Channel)?.events.pop();
            return Ok(stored.map_or_else(String::new, |event| event.id));
        }
        self.publish_event(&event).map_err(SendRefusal::Live)
    }

    /// The sessions of the node, if it is one of their channels.
    fn sessions_of(&self, channel: &str) -> Option<Sessions> {
        let sessions = self.plugin.addressed.as_ref()?;
        let is_theirs = !self.plugin.channels.has(channel) && sessions.has_channel(channel);
        is_theirs.then(|| sessions.clone())
    }

    fn publish_to_sessions(
        &mut self,
        sessions: &Sessions,
        channel: &str,
        event: &types::OutgoingEvent,
    ) -> Result<String, events::SendError> {
        let invalid = |error: String| events::SendError::Invalid(error);
        let event_type = EventType::custom(&event.type_);
        let event_type = event_type.map_err(|error| invalid(error.to_string()))?;
        self.may_publish(&event_type).map_err(invalid)?;
        let name = ChannelName::new(channel).map_err(|error| invalid(error.to_string()))?;
        let rights = self.rights.now();
        if !rights.may_append(channel) && !rights.may_serve(namespace_of(&name)) {
            return Err(invalid(self.plugin.refuse_right("append", channel)));
        }
        if !self.plugin.spend() {
            return Err(events::SendError::BudgetExceeded);
        }
        let draft = filled(event, self.draft(event_type));
        let claims = draft.check_claims();
        claims.map_err(|error| invalid(error.to_string()))?;
        let (plugin, options) = (&self.plugin, PublishOptions::default());
        let principal = format!("plugin:{}", plugin.name);
        let published = match plugin.pretend("send", || format!("to the channel `{channel}`")) {
            true => sessions.check_channel(channel).and_then(|()| {
                // A copy's publisher reaches nobody.
                let published = plugin.publisher.publish(&draft);
                Ok(published.map(|event| event.id())?)
            }),
            false => {
                let publisher = &plugin.publisher;
                let published =
                    sessions.publish_unanswered(publisher, &principal, channel, draft, options);
                published.map(|receipt| (*receipt.id).to_owned())
            }
        };
        match published {
            Ok(id) => {
                plugin.count_sent(1);
                Ok(id)
            }
            Err(PublishFailure::Event(PublishError::TooLarge { limit, .. })) => {
                Err(events::SendError::TooLarge(limit as u64))
            }
            Err(failure) => Err(invalid(failure.to_string())),
        }
    }

    fn publish_event(&mut self, event: &types::OutgoingEvent) -> Result<String, events::SendError> {
        let event_type = EventType::custom(&event.type_)
            .map_err(|error| events::SendError::Invalid(error.to_string()))?;
        self.may_publish(&event_type)
            .map_err(events::SendError::Invalid)?;
        let draft = filled(event, self.draft(event_type));
        let published = self.plugin.publish(&draft);
        published
            .map(|event| event.id())
            .map_err(|error| match error {
                SendError::Budget => events::SendError::BudgetExceeded,
                SendError::Publish(PublishError::TooLarge { limit, .. }) => {
                    events::SendError::TooLarge(limit as u64)
                }
                SendError::Publish(error) => events::SendError::Invalid(error.to_string()),
            })
    }

    /// What receives the next event that a guest's filter matches, as far as the guest may hear
    /// it now.
    pub(super) fn begin_wait(
        &mut self,
        filter: types::Filter,
    ) -> Result<Receiver, events::WaitError> {
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
        Ok(self.plugin.bus.wait_for_any(narrowed.collect()))
    }

    /// Waits for the next event that a guest's filter matches and that the guest may hear.
    pub(super) async fn wait_for(
        &mut self,
        filter: types::Filter,
        timeout_ms: u64,
    ) -> Result<Event, events::WaitError> {
        let waiter = self.begin_wait(filter)?;
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
