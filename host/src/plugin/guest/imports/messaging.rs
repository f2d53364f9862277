//! `wasmcloud:messaging/consumer`: `subject` is the event type, `body` the data,
//! and `reply-to` travels as the extension attribute `replyto`.

use std::borrow::Cow;
use std::time::Duration;

use hearken_wire::EventRef;

use super::forms::OVER_BUDGET;
use crate::bus::Filter;
use crate::event::{Draft, EventType, ExtensionValue, Pattern};
use crate::plugin::guest::bindings::messaging::wasmcloud::messaging::{consumer, types};
use crate::plugin::guest::context::SendError;
use crate::plugin::guest::state::Guest;

/// The extension attribute that names the type of an answer.
pub(crate) const REPLY_TO: &str = "replyto";

/// Media type of a message's body, of which nothing is known.
const BODY_TYPE: &str = "application/octet-stream";

impl types::Host for &mut Guest {}

impl consumer::Host for &mut Guest {
    async fn request(
        &mut self,
        subject: String,
        body: Vec<u8>,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<types::BrokerMessageResult, String>> {
        let reply_to = format!("custom.reply.{}", self.plugin.bus.new_id());
        let pattern = match Pattern::new(&reply_to) {
            Ok(pattern) => pattern,
            Err(error) => return Ok(Err(error.to_string())),
        };
        // Waiting costs as much as sending.
        if !self.plugin.spend() {
            return Ok(Err(OVER_BUDGET.to_owned()));
        }
        // Registered before the request is published: no answer is too early.
        let waiter = self.plugin.bus.wait_for(Filter::new(pattern));
        if let Err(error) = self.publish_message(&subject, &body, Some(&reply_to)) {
            return Ok(Err(error));
        }
        let timeout = Duration::from_millis(timeout_ms.into());
        match tokio::time::timeout(timeout, waiter.recv()).await {
            Ok(Ok(event)) => Ok(Ok(types::BrokerMessageResult {
                subject: event.event_type().to_owned(),
                body: event.data().unwrap_or_default().to_vec(),
                reply_to: reply_to_of(event.packed()).map(str::to_owned),
            })),
            Ok(Err(_)) | Err(_) => Ok(Err(format!("no answer within {timeout_ms} ms"))),
        }
    }

    fn publish(
        &mut self,
        message: types::BrokerMessageResult,
    ) -> wasmtime::Result<Result<(), String>> {
        Ok(self.publish_message(&message.subject, &message.body, message.reply_to.as_deref()))
    }
}

impl Guest {
    fn publish_message(
        &mut self,
        subject: &str,
        body: &[u8],
        reply_to: Option<&str>,
    ) -> Result<(), String> {
        let event_type = EventType::custom(subject).map_err(|error| error.to_string())?;
        self.may_publish(&event_type)?;
        let draft = Draft {
            datacontenttype: Some(Cow::Borrowed(BODY_TYPE)),
            data: Some(Cow::Borrowed(body)),
            extensions: reply_to
                .map(|reply_to| {
                    (
                        Cow::Borrowed(REPLY_TO),
                        ExtensionValue::String(Cow::Borrowed(reply_to)),
                    )
                })
                .into_iter()
                .collect(),
            ..self.draft(event_type)
        };
        match self.plugin.publish(&draft) {
            Ok(_) => Ok(()),
            Err(SendError::Budget) => Err(OVER_BUDGET.to_owned()),
            Err(SendError::Publish(error)) => Err(error.to_string()),
        }
    }
}

/// The type to which an answer is sent.
pub(crate) fn reply_to_of(event: EventRef<'_>) -> Option<&str> {
    let mut extensions = event.extensions();
    let (.., value) = extensions.find(|(name, ..)| *name == REPLY_TO)?;
    Some(value)
}
