//! What a client may ask for. Fields and what they mean are the protocol's; what it has for
//! maps, shared polls and dictionaries is left out, but for what tells that it is asked for.
//!
//! Data is JSON as it was sent, if the client speaks JSON, or else bytes; empty if there is
//! none.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;

use crate::decode::fields::{object, objects, or_default, raw};
use crate::filter::FilterNode;

/// The first command: who the client is.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[prost(skip_debug)]
#[serde(default)]
pub struct ConnectRequest {
    /// Token of the connection; empty if there is none.
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub token: String,
    /// For whoever decides about the connection.
    #[prost(bytes = "bytes", tag = "2")]
    #[serde(deserialize_with = "raw")]
    pub data: Bytes,
    /// Positions in the channels that the server subscribed the client to before.
    #[prost(btree_map = "string, message", tag = "3")]
    #[serde(deserialize_with = "objects")]
    pub subs: BTreeMap<String, SubscribePosition>,
    /// Name of the client's library or application.
    #[prost(string, tag = "4")]
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// Version of that.
    #[prost(string, tag = "5")]
    #[serde(deserialize_with = "or_default")]
    pub version: String,
    /// What clients that cannot set headers of HTTP send in their place.
    #[prost(btree_map = "string, string", tag = "6")]
    #[serde(deserialize_with = "or_default")]
    pub headers: BTreeMap<String, String>,
    /// What the client can do, by bits: 1 is compression with a dictionary.
    #[prost(int64, tag = "7")]
    #[serde(deserialize_with = "or_default")]
    pub flag: i64,
}

/// How far a client is in a channel that the server subscribes it to.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(default)]
pub struct SubscribePosition {
    /// Whether the client wants what it missed since the position.
    #[prost(bool, tag = "3")]
    #[serde(deserialize_with = "or_default")]
    pub recover: bool,
    /// Epoch of the position.
    #[prost(string, tag = "6")]
    #[serde(deserialize_with = "or_default")]
    pub epoch: String,
    /// Offset of the position.
    #[prost(uint64, tag = "7")]
    #[serde(deserialize_with = "or_default")]
    pub offset: u64,
    /// The deltas that the client can apply: [`FOSSIL`](crate::delta::FOSSIL), or empty.
    #[prost(string, tag = "12")]
    #[serde(deserialize_with = "or_default")]
    pub delta: String,
}

/// To receive what is published to a channel.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[prost(skip_debug)]
#[serde(default)]
pub struct SubscribeRequest {
    /// The channel.
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub channel: String,
    /// Token of the subscription; empty if there is none.
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "or_default")]
    pub token: String,
    /// Whether the client wants what it missed since `epoch` and `offset`.
    #[prost(bool, tag = "3")]
    #[serde(deserialize_with = "or_default")]
    pub recover: bool,
    /// Epoch of the client's position.
    #[prost(string, tag = "6")]
    #[serde(deserialize_with = "or_default")]
    pub epoch: String,
    /// Offset of the client's position.
    #[prost(uint64, tag = "7")]
    #[serde(deserialize_with = "or_default")]
    pub offset: u64,
    /// For whoever decides about the subscription.
    #[prost(bytes = "bytes", tag = "8")]
    #[serde(deserialize_with = "raw")]
    pub data: Bytes,
    /// Whether the client wishes for offsets.
    #[prost(bool, tag = "9")]
    #[serde(deserialize_with = "or_default")]
    pub positioned: bool,
    /// Whether the client wishes to be able to recover.
    #[prost(bool, tag = "10")]
    #[serde(deserialize_with = "or_default")]
    pub recoverable: bool,
    /// Whether the client wishes to be told who joins and leaves.
    #[prost(bool, tag = "11")]
    #[serde(deserialize_with = "or_default")]
    pub join_leave: bool,
    /// The deltas that the client can apply: [`FOSSIL`](crate::delta::FOSSIL), or empty.
    #[prost(string, tag = "12")]
    #[serde(deserialize_with = "or_default")]
    pub delta: String,
    /// Which publications the client wants, by their tags.
    #[prost(message, optional, boxed, tag = "13")]
    #[serde(deserialize_with = "object", rename = "tf")]
    pub tags_filter: Option<Box<FilterNode>>,
    /// What the client asks for by bits: see [`Self::COMPACTION`] and
    /// [`Self::REJECT_UNRECOVERED`].
    #[prost(int64, tag = "14")]
    #[serde(deserialize_with = "or_default")]
    pub flag: i64,
    /// 0 for a stream; all others (maps, shared polls) are not part of this crate.
    #[prost(int32, tag = "15")]
    #[serde(deserialize_with = "or_default", rename = "type")]
    pub kind: i32,
}

impl SubscribeRequest {
    /// Bit of `flag`: pushes may name the channel by a number.
    pub const COMPACTION: i64 = 1;
    /// Bit of `flag`: what cannot be recovered is error 112.
    pub const REJECT_UNRECOVERED: i64 = 2;
}

/// To receive no more of a channel.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(default)]
pub struct UnsubscribeRequest {
    /// The channel.
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub channel: String,
}

/// To publish to a channel.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(default)]
pub struct PublishRequest {
    /// The channel.
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub channel: String,
    /// What is published.
    #[prost(bytes = "bytes", tag = "2")]
    #[serde(deserialize_with = "raw")]
    pub data: Bytes,
    /// 0 for a stream; all others (maps) are not part of this crate.
    #[prost(int32, tag = "3")]
    #[serde(deserialize_with = "or_default", rename = "type")]
    pub kind: i32,
}

/// Who is subscribed to a channel.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(default)]
pub struct PresenceRequest {
    /// The channel.
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub channel: String,
}

/// How many are subscribed to a channel.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(default)]
pub struct PresenceStatsRequest {
    /// The channel.
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub channel: String,
}

/// What was published to a channel.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(default)]
pub struct HistoryRequest {
    /// The channel.
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub channel: String,
    /// Most publications; 0 asks for the position alone, -1 for all.
    #[prost(int32, tag = "7")]
    #[serde(deserialize_with = "or_default")]
    pub limit: i32,
    /// Only what came after it, or before it in reverse.
    #[prost(message, optional, tag = "8")]
    #[serde(deserialize_with = "object")]
    pub since: Option<StreamPosition>,
    /// The newest first.
    #[prost(bool, tag = "9")]
    #[serde(deserialize_with = "or_default")]
    pub reverse: bool,
}

/// A place in a channel's stream.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(default)]
pub struct StreamPosition {
    /// Number of a publication, from 1; 0 is before the first.
    #[prost(uint64, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub offset: u64,
    /// Which stream it is: offsets of different ones cannot be compared.
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "or_default")]
    pub epoch: String,
}

/// A message to the server that it does not answer.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(default)]
pub struct SendRequest {
    /// The message.
    #[prost(bytes = "bytes", tag = "1")]
    #[serde(deserialize_with = "raw")]
    pub data: Bytes,
}

/// A call of a method of the application.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(default)]
pub struct RpcRequest {
    /// What the method gets.
    #[prost(bytes = "bytes", tag = "1")]
    #[serde(deserialize_with = "raw")]
    pub data: Bytes,
    /// Which method.
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "or_default")]
    pub method: String,
}

/// A new token for the connection.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[prost(skip_debug)]
#[serde(default)]
pub struct RefreshRequest {
    /// The token.
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub token: String,
}

/// A new token for a subscription.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[prost(skip_debug)]
#[serde(default)]
pub struct SubRefreshRequest {
    /// The channel.
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "or_default")]
    pub channel: String,
    /// The token.
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "or_default")]
    pub token: String,
    /// 0 for a token; all others (shared polls) are not part of this crate.
    #[prost(int32, tag = "3")]
    #[serde(deserialize_with = "or_default", rename = "type")]
    pub kind: i32,
}

// Tokens, and what stands in headers, are secrets.

impl fmt::Debug for ConnectRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ConnectRequest")
            .field("data", &self.data)
            .field("subs", &self.subs)
            .field("name", &self.name)
            .field("version", &self.version)
            .field("headers", &self.headers.keys())
            .field("flag", &self.flag)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SubscribeRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SubscribeRequest")
            .field("channel", &self.channel)
            .field("recover", &self.recover)
            .field("epoch", &self.epoch)
            .field("offset", &self.offset)
            .field("data", &self.data)
            .field("positioned", &self.positioned)
            .field("recoverable", &self.recoverable)
            .field("join_leave", &self.join_leave)
            .field("delta", &self.delta)
            .field("tags_filter", &self.tags_filter)
            .field("flag", &self.flag)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RefreshRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("RefreshRequest");
        shown.finish_non_exhaustive()
    }
}

impl fmt::Debug for SubRefreshRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SubRefreshRequest")
            .field("channel", &self.channel)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
