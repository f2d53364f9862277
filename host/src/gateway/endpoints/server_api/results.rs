//! What servers get.

use std::collections::BTreeMap;

use hearken_session_protocol::codes::errors;
use hearken_session_protocol::{ClientError, ClientInfo, Publication};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::session::NodeUsage;

#[derive(Debug, Serialize)]
pub(super) struct Published {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) epoch: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Presence {
    pub(super) presence: BTreeMap<String, Info>,
}

#[derive(Debug, Serialize)]
pub(super) struct PresenceStats {
    pub(super) num_clients: usize,
    pub(super) num_users: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Info {
    user: String,
    client: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    conn_info: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chan_info: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
pub(super) struct History {
    pub(super) publications: Vec<Kept>,
    pub(super) epoch: String,
    pub(super) offset: u64,
}

/// A publication of a history.
#[derive(Debug, Serialize)]
pub(super) struct Kept {
    data: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<Info>,
    offset: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Channels {
    pub(super) channels: BTreeMap<String, Subscribed>,
}

#[derive(Debug, Serialize)]
pub(super) struct Subscribed {
    pub(super) num_clients: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Nodes {
    pub(super) nodes: Vec<Node>,
}

#[derive(Debug, Serialize)]
pub(super) struct Node {
    uid: String,
    name: String,
    version: String,
    num_clients: u64,
    num_users: u64,
    num_subs: u64,
    num_channels: u64,
    /// For how many seconds it has served.
    uptime: u64,
}

impl From<NodeUsage> for Node {
    fn from(usage: NodeUsage) -> Self {
        Self {
            uid: usage.incarnation,
            name: usage.node.to_string(),
            version: usage.version,
            num_clients: usage.sessions,
            num_users: usage.users,
            num_subs: usage.subscriptions,
            num_channels: usage.channels,
            uptime: usage.uptime,
        }
    }
}

/// An answer.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Reply {
    Result { result: Box<RawValue> },
    Error { error: Told },
}

/// The answer to a command of a batch: a result under the method's name.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum BatchReply {
    Result(BTreeMap<&'static str, Box<RawValue>>),
    Error { error: Told },
}

/// The answer to a batch.
#[derive(Debug, Serialize)]
pub(super) struct Batch {
    pub(super) replies: Vec<BatchReply>,
}

/// An error as it is told.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    code: u32,
    message: String,
}

/// The answers to a broadcast.
#[derive(Debug, Serialize)]
pub(super) struct Responses {
    pub(super) responses: Vec<Reply>,
}

impl Batch {
    /// Whether nothing of it was done, and something for want of a right.
    pub(super) fn is_denied(&self) -> bool {
        let code = |reply: &BatchReply| match reply {
            BatchReply::Result(_) => None,
            BatchReply::Error { error } => Some(error.code),
        };
        let codes: Option<Vec<u32>> = self.replies.iter().map(code).collect();
        codes.is_some_and(|codes| codes.contains(&errors::PERMISSION_DENIED.code))
    }
}

impl From<ClientError> for Told {
    fn from(error: ClientError) -> Self {
        Self {
            code: error.code,
            message: error.message.into_owned(),
        }
    }
}

impl From<Result<Box<RawValue>, ClientError>> for Reply {
    fn from(answer: Result<Box<RawValue>, ClientError>) -> Self {
        match answer {
            Ok(result) => Self::Result { result },
            Err(error) => Self::Error {
                error: error.into(),
            },
        }
    }
}

/// An answer that says nothing more.
#[derive(Debug, Serialize)]
pub(super) struct Done {}

impl From<&ClientInfo> for Info {
    fn from(info: &ClientInfo) -> Self {
        Self {
            user: info.user.clone(),
            client: info.client.clone(),
            conn_info: info.conn_info.as_deref().and_then(raw),
            chan_info: info.chan_info.as_deref().and_then(raw),
        }
    }
}

impl From<&Publication> for Kept {
    fn from(publication: &Publication) -> Self {
        Self {
            data: raw(&publication.data),
            info: publication.info.as_ref().map(Info::from),
            offset: publication.offset,
            tags: publication.tags.clone(),
        }
    }
}

/// JSON as it stands.
fn raw(json: &[u8]) -> Option<Box<RawValue>> {
    serde_json::from_slice(json).ok()
}
