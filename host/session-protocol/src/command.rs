//! Commands: a request under a number.

use serde::Deserialize;

use crate::decode::fields::{object, or_default};
use crate::request::{
    ConnectRequest, HistoryRequest, PresenceRequest, PresenceStatsRequest, PublishRequest,
    RefreshRequest, RpcRequest, SendRequest, SubRefreshRequest, SubscribeRequest,
    UnsubscribeRequest,
};

/// What a client sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// What the reply is known by; 0 for what is not replied to.
    pub id: u32,
    /// What is asked for.
    pub request: Request,
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// The answer to a ping: a command with neither a number nor anything else.
    Pong,
    /// See [`ConnectRequest`].
    Connect(ConnectRequest),
    /// See [`SubscribeRequest`].
    Subscribe(SubscribeRequest),
    /// See [`UnsubscribeRequest`].
    Unsubscribe(UnsubscribeRequest),
    /// See [`PublishRequest`].
    Publish(PublishRequest),
    /// See [`PresenceRequest`].
    Presence(PresenceRequest),
    /// See [`PresenceStatsRequest`].
    PresenceStats(PresenceStatsRequest),
    /// See [`HistoryRequest`].
    History(HistoryRequest),
    /// See [`SendRequest`]. The only one that may be without a number.
    Send(SendRequest),
    /// See [`RpcRequest`].
    Rpc(RpcRequest),
    /// See [`RefreshRequest`].
    Refresh(RefreshRequest),
    /// See [`SubRefreshRequest`].
    SubRefresh(SubRefreshRequest),
    /// A number, and nothing that is known beside it.
    None,
}

/// A command as it is sent: one of the requests should be there.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(default)]
pub(crate) struct SentCommand {
    #[prost(uint32, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    id: u32,
    #[prost(message, optional, tag = "4")]
    #[serde(deserialize_with = "object")]
    connect: Option<ConnectRequest>,
    #[prost(message, optional, tag = "5")]
    #[serde(deserialize_with = "object")]
    subscribe: Option<SubscribeRequest>,
    #[prost(message, optional, tag = "6")]
    #[serde(deserialize_with = "object")]
    unsubscribe: Option<UnsubscribeRequest>,
    #[prost(message, optional, tag = "7")]
    #[serde(deserialize_with = "object")]
    publish: Option<PublishRequest>,
    #[prost(message, optional, tag = "8")]
    #[serde(deserialize_with = "object")]
    presence: Option<PresenceRequest>,
    #[prost(message, optional, tag = "9")]
    #[serde(deserialize_with = "object")]
    presence_stats: Option<PresenceStatsRequest>,
    #[prost(message, optional, tag = "10")]
    #[serde(deserialize_with = "object")]
    history: Option<HistoryRequest>,
    #[prost(message, optional, tag = "12")]
    #[serde(deserialize_with = "object")]
    send: Option<SendRequest>,
    #[prost(message, optional, tag = "13")]
    #[serde(deserialize_with = "object")]
    rpc: Option<RpcRequest>,
    #[prost(message, optional, tag = "14")]
    #[serde(deserialize_with = "object")]
    refresh: Option<RefreshRequest>,
    #[prost(message, optional, tag = "15")]
    #[serde(deserialize_with = "object")]
    sub_refresh: Option<SubRefreshRequest>,
}

impl From<SentCommand> for Command {
    /// Of several requests, which the protocol forbids, the first one counts, in the order of
    /// their numbers in the protocol.
    fn from(sent: SentCommand) -> Self {
        let id = sent.id;
        let none = if id == 0 {
            Request::Pong
        } else {
            Request::None
        };
        let request = None
            .or_else(|| sent.connect.map(Request::Connect))
            .or_else(|| sent.subscribe.map(Request::Subscribe))
            .or_else(|| sent.unsubscribe.map(Request::Unsubscribe))
            .or_else(|| sent.publish.map(Request::Publish))
            .or_else(|| sent.presence.map(Request::Presence))
            .or_else(|| sent.presence_stats.map(Request::PresenceStats))
            .or_else(|| sent.history.map(Request::History))
            .or_else(|| sent.send.map(Request::Send))
            .or_else(|| sent.rpc.map(Request::Rpc))
            .or_else(|| sent.refresh.map(Request::Refresh))
            .or_else(|| sent.sub_refresh.map(Request::SubRefresh))
            .unwrap_or(none);
        Self { id, request }
    }
}
