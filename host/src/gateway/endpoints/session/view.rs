//! How a session is shown.

use hearken_session_protocol::Encoding;
use serde::Serialize;
use utoipa::ToSchema;

use crate::event::cloudevent::rfc3339;
use crate::session::SessionStatus;

/// How a session is shown.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct SessionView {
    /// Its id, which clients know as `client`.
    pub(super) id: String,
    /// The node that has it.
    node: String,
    /// Whose it is; empty for nobody.
    user: String,
    /// `websocket`, `http_stream`, `sse`, `uni_http_stream` or `uni_sse`.
    transport: &'static str,
    /// `json` or `protobuf`.
    encoding: &'static str,
    /// Where it comes from.
    address: String,
    /// The name that its client gives itself.
    name: String,
    /// And its version.
    version: String,
    /// When it connected, in RFC 3339.
    connected: String,
    /// When it expires, in RFC 3339; absent when it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// Bytes that wait for it.
    queued: usize,
    /// The channels that it is subscribed to.
    channels: Vec<SubscriptionView>,
}

/// A channel that a session is subscribed to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct SubscriptionView {
    /// The channel.
    channel: String,
    /// Whether the server has made the subscription.
    server_side: bool,
}

/// Some sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::gateway) struct SessionList {
    /// In the order of their ids.
    pub(super) sessions: Vec<SessionView>,
    /// What to ask for as `after` to go on; absent when there are no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
    /// Whether there may be others on nodes that did not say so in time.
    pub(super) partial: bool,
}

impl SessionView {
    /// Of a session.
    pub(super) fn of(status: &SessionStatus) -> Self {
        let expires = status.expire_at.map(|at| rfc3339(at.saturating_mul(1000)));
        let channels = status.channels.iter();
        Self {
            id: status.client.to_string(),
            node: status.node.to_string(),
            user: status.user.to_string(),
            transport: status.transport,
            encoding: match status.encoding {
                Encoding::Json => "json",
                Encoding::Protobuf => "protobuf",
            },
            address: status.address.to_string(),
            name: status.name.clone(),
            version: status.version.clone(),
            connected: rfc3339(status.since),
            expires,
            queued: status.queued,
            channels: channels
                .map(|(channel, server_side)| SubscriptionView {
                    channel: channel.to_string(),
                    server_side: *server_side,
                })
                .collect(),
        }
    }
}
