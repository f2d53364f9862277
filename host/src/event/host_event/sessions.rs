//! The data of events about sessions.

use serde::Serialize;
use utoipa::ToSchema;

/// Data of `session.connected`, `session.disconnected`, `session.subscribed` and
/// `session.unsubscribed`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionChanged {
    /// Id of the session, also the event's subject.
    pub client: String,
    /// Whose it is; empty where the client has not said who it is.
    pub user: String,
    /// Channel that it is about; absent with `session.connected` and `session.disconnected`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Code that it ended with; absent where the client ended it, and with
    /// `session.connected` and `session.subscribed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
}

/// Data of `session.lost`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionsLost {
    /// Name of the node that is gone, also the event's subject.
    pub node: String,
    /// How many sessions it had when it last said so.
    pub count: u64,
}
