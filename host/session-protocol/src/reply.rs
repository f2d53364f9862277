//! What a server answers.
//!
//! Each result is an object even if nothing is in it, since clients look into it.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::codes::ClientError;
use crate::encode::{self, Encode, Fields, always, field};
use crate::encoding::Encoding;
use crate::publication::{ClientInfo, Publication, bytes};

/// The answer to a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The command's number.
    pub id: u32,
    /// The result, or why there is none.
    pub outcome: Result<Answer, ClientError>,
}

/// A result, by what was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// See [`ConnectResult`].
    Connect(ConnectResult),
    /// See [`SubscribeResult`].
    Subscribe(SubscribeResult),
    /// Nothing more will come.
    Unsubscribe,
    /// It is published.
    Publish,
    /// See [`PresenceResult`].
    Presence(PresenceResult),
    /// See [`PresenceStatsResult`].
    PresenceStats(PresenceStatsResult),
    /// See [`HistoryResult`].
    History(HistoryResult),
    /// See [`RpcResult`].
    Rpc(RpcResult),
    /// See [`RefreshResult`].
    Refresh(RefreshResult),
    /// See [`SubRefreshResult`].
    SubRefresh(SubRefreshResult),
}

/// The client is connected.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ConnectResult {
    /// The connection, in public.
    pub client: String,
    /// Of the server.
    pub version: String,
    /// Whether the connection ends at some time.
    pub expires: bool,
    /// Seconds until then.
    pub ttl: u32,
    /// From whoever decided about the connection, in the data's form.
    pub data: Option<Bytes>,
    /// What the server subscribed the client to, by channel.
    pub subs: BTreeMap<String, SubscribeResult>,
    /// Seconds between two pings; 0 if there are none.
    pub ping: u32,
    /// Whether pings want an answer.
    pub pong: bool,
    /// The connection, as a secret between client and server; where commands come in
    /// requests of their own.
    pub session: String,
    /// The node that holds the connection; for the same.
    pub node: String,
    /// The server's time in milliseconds since 1970; 0 leaves it out.
    pub time: i64,
}

/// The client is subscribed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscribeResult {
    /// Whether the subscription ends at some time.
    pub expires: bool,
    /// Seconds until then.
    pub ttl: u32,
    /// Whether the client can get what it misses.
    pub recoverable: bool,
    /// Epoch of the channel's stream.
    pub epoch: String,
    /// What the client missed.
    pub publications: Vec<Publication>,
    /// Whether that is all that it missed.
    pub recovered: bool,
    /// The position that what comes now follows on: the client's own if it recovered, or
    /// else that of the newest publication.
    pub offset: u64,
    /// Whether the client should keep its position.
    pub positioned: bool,
    /// From whoever decided about the subscription, in the data's form.
    pub data: Option<Bytes>,
    /// Whether the client asked for what it missed.
    pub was_recovering: bool,
    /// Whether publications may be deltas.
    pub delta: bool,
    /// The channel's number in pushes; 0 if they name it.
    pub id: i64,
}

/// Who is subscribed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PresenceResult {
    /// By client.
    pub presence: BTreeMap<String, ClientInfo>,
}

/// How many are subscribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PresenceStatsResult {
    /// Connections.
    pub num_clients: u32,
    /// Different users of those.
    pub num_users: u32,
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryResult {
    /// In the order that was asked for.
    pub publications: Vec<Publication>,
    /// Of the channel's stream.
    pub epoch: String,
    /// Number of the stream's newest publication.
    pub offset: u64,
}

/// What a method returned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RpcResult {
    /// In the data's form.
    pub data: Option<Bytes>,
}

/// The connection's end was put off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RefreshResult {
    /// The connection.
    pub client: String,
    /// Of the server.
    pub version: String,
    /// Whether it has an end still.
    pub expires: bool,
    /// Seconds until then.
    pub ttl: u32,
}

/// The subscription's end was put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubRefreshResult {
    /// Whether it has an end still.
    pub expires: bool,
    /// Seconds until then.
    pub ttl: u32,
}

impl std::fmt::Debug for ConnectResult {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Whoever knows the session can send commands for it.
        formatter
            .debug_struct("ConnectResult")
            .field("client", &self.client)
            .field("version", &self.version)
            .field("expires", &self.expires)
            .field("ttl", &self.ttl)
            .field("data", &self.data)
            .field("subs", &self.subs)
            .field("ping", &self.ping)
            .field("pong", &self.pong)
            .field("node", &self.node)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

/// Appends an answer.
///
/// JSON is an object without an end of line: within a frame of WebSocket one stands between
/// two messages, and elsewhere behind each ([`end_message`](crate::end_message)). Protobuf
/// stands behind its length.
pub fn encode_reply(encoding: Encoding, reply: &Reply, out: &mut Vec<u8>) {
    encode::message(encoding, reply, out);
}

impl Encode for Reply {
    fn encode(&self, fields: &mut impl Fields) {
        fields.unsigned(field(1, "id"), self.id.into());
        match &self.outcome {
            Err(error) => fields.message(field(2, "error"), error),
            Ok(answer) => answer.encode(fields),
        }
    }
}

impl Encode for Answer {
    fn encode(&self, fields: &mut impl Fields) {
        match self {
            Self::Connect(result) => fields.message(field(5, "connect"), result),
            Self::Subscribe(result) => fields.message(field(6, "subscribe"), result),
            Self::Unsubscribe => fields.message(field(7, "unsubscribe"), &Nothing),
            Self::Publish => fields.message(field(8, "publish"), &Nothing),
            Self::Presence(result) => fields.message(field(9, "presence"), result),
            Self::PresenceStats(result) => fields.message(field(10, "presence_stats"), result),
            Self::History(result) => fields.message(field(11, "history"), result),
            Self::Rpc(result) => fields.message(field(13, "rpc"), result),
            Self::Refresh(result) => fields.message(field(14, "refresh"), result),
            Self::SubRefresh(result) => fields.message(field(15, "sub_refresh"), result),
        }
    }
}

/// A result of which there is nothing to tell.
struct Nothing;

impl Encode for Nothing {
    fn encode(&self, _fields: &mut impl Fields) {}
}

impl Encode for ClientError {
    fn encode(&self, fields: &mut impl Fields) {
        fields.unsigned(field(1, "code"), self.code.into());
        fields.text(field(2, "message"), &self.message);
        fields.flag(field(3, "temporary"), self.temporary);
    }
}

impl Encode for ConnectResult {
    fn encode(&self, fields: &mut impl Fields) {
        fields.text(field(1, "client"), &self.client);
        fields.text(field(2, "version"), &self.version);
        fields.flag(field(3, "expires"), self.expires);
        fields.unsigned(field(4, "ttl"), self.ttl.into());
        fields.payload(field(5, "data"), bytes(&self.data));
        fields.messages(field(6, "subs"), &self.subs);
        fields.unsigned(field(7, "ping"), self.ping.into());
        fields.flag(field(8, "pong"), self.pong);
        fields.text(field(9, "session"), &self.session);
        fields.text(field(10, "node"), &self.node);
        fields.signed(field(11, "time"), self.time);
    }
}

impl Encode for SubscribeResult {
    fn encode(&self, fields: &mut impl Fields) {
        fields.flag(field(1, "expires"), self.expires);
        fields.unsigned(field(2, "ttl"), self.ttl.into());
        fields.flag(field(3, "recoverable"), self.recoverable);
        fields.text(field(6, "epoch"), &self.epoch);
        fields.list(field(7, "publications"), &self.publications);
        fields.flag(field(8, "recovered"), self.recovered);
        fields.unsigned(field(9, "offset"), self.offset);
        fields.flag(field(10, "positioned"), self.positioned);
        fields.payload(field(11, "data"), bytes(&self.data));
        fields.flag(field(12, "was_recovering"), self.was_recovering);
        fields.flag(field(13, "delta"), self.delta);
        fields.signed(field(14, "id"), self.id);
    }
}

impl Encode for PresenceResult {
    fn encode(&self, fields: &mut impl Fields) {
        fields.messages(always(1, "presence"), &self.presence);
    }
}

impl Encode for PresenceStatsResult {
    fn encode(&self, fields: &mut impl Fields) {
        fields.unsigned(always(1, "num_clients"), self.num_clients.into());
        fields.unsigned(always(2, "num_users"), self.num_users.into());
    }
}

impl Encode for HistoryResult {
    fn encode(&self, fields: &mut impl Fields) {
        fields.list(always(1, "publications"), &self.publications);
        fields.text(always(2, "epoch"), &self.epoch);
        fields.unsigned(always(3, "offset"), self.offset);
    }
}

impl Encode for RpcResult {
    fn encode(&self, fields: &mut impl Fields) {
        fields.payload(field(1, "data"), bytes(&self.data));
    }
}

impl Encode for RefreshResult {
    fn encode(&self, fields: &mut impl Fields) {
        fields.text(field(1, "client"), &self.client);
        fields.text(field(2, "version"), &self.version);
        fields.flag(field(3, "expires"), self.expires);
        fields.unsigned(field(4, "ttl"), self.ttl.into());
    }
}

impl Encode for SubRefreshResult {
    fn encode(&self, fields: &mut impl Fields) {
        fields.flag(field(1, "expires"), self.expires);
        fields.unsigned(field(2, "ttl"), self.ttl.into());
    }
}
