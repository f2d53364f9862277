//! What a request to publish is answered with.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::bus::Published;
use crate::channel::StoredEvent;
use crate::event::cloudevent::rfc3339;
use crate::session::SessionReceipt;

/// What a published event was given.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(in crate::gateway) struct Accepted {
    /// The event's id.
    pub(super) id: String,
    /// When it was published, in RFC 3339.
    time: String,
    /// The channel that it is stored in, or was published to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    /// Its number within the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    /// Which log of the channel's name that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<String>,
    /// Whether it was stored before, so that it was not again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

/// What a request to publish is answered with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::gateway) enum Receipt {
    /// For one event.
    One(Accepted),
    /// For a batch, in its order.
    Batch(Vec<Accepted>),
}

impl Accepted {
    /// Of an event that a channel has stored.
    pub(in crate::gateway) fn stored(event: StoredEvent, channel: &str, epoch: &str) -> Self {
        Self {
            id: event.id,
            time: rfc3339(event.time),
            channel: Some(channel.to_owned()),
            sequence: Some(event.sequence),
            epoch: Some(epoch.to_owned()),
            duplicate: event.duplicate,
        }
    }
}

impl Accepted {
    /// Of an event that was published to a channel of sessions.
    pub(in crate::gateway) fn published(receipt: &SessionReceipt) -> Self {
        let position = receipt.position.as_ref();
        Self {
            id: receipt.id.to_string(),
            time: rfc3339(receipt.time),
            channel: Some(receipt.channel.to_string()),
            sequence: position.map(|position| position.offset),
            epoch: position.map(|position| position.epoch.to_string()),
            duplicate: receipt.duplicate,
        }
    }
}

impl From<&Published<'_>> for Accepted {
    fn from(event: &Published<'_>) -> Self {
        Self {
            id: event.id(),
            time: rfc3339(event.time()),
            channel: None,
            sequence: None,
            epoch: None,
            duplicate: false,
        }
    }
}

impl IntoResponse for Receipt {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}
