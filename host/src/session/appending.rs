//! Publishing to durable channels: what is answered is on disk.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hearken_channel_log::{AppendError, Expected};
use hearken_session_protocol::ClientError;
use hearken_session_protocol::codes::errors;
use tokio::time::timeout;

use super::history::Position;
use super::log::Log;
use super::name::ChannelName;
use super::publication::TAGS;
use super::receipt::{PublishOptions, SessionReceipt};
use super::refused::{Refused, bad_request};
use super::shared::Shared;
use crate::bus::{PublishError, Publisher};
use crate::channel::AppendFailure;
use crate::event::{Draft, ExtensionValue};

/// How long whoever publishes waits: a client waits 5 s for an answer.
const APPEND_TIMEOUT: Duration = Duration::from_secs(4);

impl Shared {
    /// Appends an event to a durable channel, which `principal` publishes. When it returns the
    /// event is durable. Of the options, who is excluded has no meaning there.
    ///
    /// # Errors
    /// Why not. What is temporary among that may be stored all the same: whoever gives it an
    /// id or a key and sends it again has it stored once.
    pub(super) async fn append_to(
        &self,
        name: &ChannelName,
        log: &Log,
        publisher: Arc<Publisher>,
        principal: &str,
        draft: Draft<'_>,
        options: PublishOptions,
    ) -> Result<SessionReceipt, Refused> {
        let PublishOptions {
            exclude: _,
            tags,
            idempotency_key,
            delta: _,
            skip_history,
        } = options;
        if skip_history {
            return Err(bad_request("a durable channel keeps all that is published to it").into());
        }
        let mut draft = draft;
        if draft.id.is_none() {
            draft.id = idempotency_key.map(Cow::Owned);
        }
        if !tags.is_empty() {
            let text = serde_json::to_string(&tags).map_err(bad_request)?;
            let given = (Cow::Borrowed(TAGS), ExtensionValue::String(text.into()));
            draft.extensions.push(given);
        }
        let channel = match log {
            Log::Near(channel) => channel,
            Log::Far(log) => {
                let receipt = self.append_far(log, &publisher, principal, draft).await?;
                self.count_appended(receipt.duplicate);
                return Ok(receipt);
            }
        };
        let appended = channel.append(publisher, principal, vec![draft], Expected::Any);
        let appended = timeout(APPEND_TIMEOUT, appended).await;
        let receipt = appended
            .map_err(|_| errors::INTERNAL)?
            .map_err(|failure| not_appended(&failure))?;
        let stored = receipt.events.into_iter().next().ok_or(errors::INTERNAL)?;
        self.count_appended(stored.duplicate);
        Ok(SessionReceipt {
            id: stored.id.into(),
            time: stored.time,
            channel: name.clone(),
            position: Some(Position {
                offset: stored.sequence,
                epoch: receipt.epoch.to_string().into(),
            }),
            duplicate: stored.duplicate,
        })
    }

    fn count_appended(&self, is_duplicate: bool) {
        if !is_duplicate {
            self.counts.published.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What is told of what is not appended.
fn not_appended(failure: &AppendFailure) -> ClientError {
    let said = |error: ClientError| ClientError {
        message: format!("{}: {failure}", error.message).into(),
        ..error
    };
    match failure {
        AppendFailure::Event {
            error: PublishError::TooLarge { .. },
            ..
        }
        | AppendFailure::Batch(_)
        | AppendFailure::Log(AppendError::TooLarge { .. }) => errors::LIMIT_EXCEEDED,
        AppendFailure::Event { error, .. } => bad_request(error),
        AppendFailure::DeadLetters(_) => said(errors::PERMISSION_DENIED),
        AppendFailure::Log(AppendError::NoChannel(_)) => errors::UNKNOWN_CHANNEL,
        // Nobody makes room by trying again.
        AppendFailure::Log(AppendError::Full(_) | AppendError::Damaged) => {
            said(errors::NOT_AVAILABLE)
        }
        AppendFailure::Log(AppendError::Overloaded) => errors::TOO_MANY_REQUESTS,
        AppendFailure::Log(
            AppendError::AnotherLog { .. }
            | AppendError::Conflict { .. }
            | AppendError::StorageFailed(_)
            | AppendError::Unknown(_),
        )
        | AppendFailure::Slow(_)
        | AppendFailure::Broken
        | AppendFailure::Closing => errors::INTERNAL,
    }
}
