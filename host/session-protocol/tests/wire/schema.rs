//! The protocol's schema, of which servers read commands and write replies.

use std::collections::BTreeMap;

use bytes::Bytes;

macro_rules! messages {
    ($($name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            #[derive(Clone, PartialEq, prost::Message)]
            pub struct $name { $($(#[$attribute])* pub $field: $type,)* }
        )*
    };
}

messages! {
    Command {
        #[prost(uint32, tag = "1")] id: u32,
        #[prost(message, optional, tag = "4")] connect: Option<ConnectRequest>,
        #[prost(message, optional, tag = "5")] subscribe: Option<SubscribeRequest>,
        #[prost(message, optional, tag = "6")] unsubscribe: Option<Channel>,
        #[prost(message, optional, tag = "7")] publish: Option<PublishRequest>,
        #[prost(message, optional, tag = "8")] presence: Option<Channel>,
        #[prost(message, optional, tag = "9")] presence_stats: Option<Channel>,
        #[prost(message, optional, tag = "10")] history: Option<HistoryRequest>,
        #[prost(message, optional, tag = "11")] ping: Option<Empty>,
        #[prost(message, optional, tag = "12")] send: Option<Data>,
        #[prost(message, optional, tag = "13")] rpc: Option<RpcRequest>,
        #[prost(message, optional, tag = "14")] refresh: Option<RefreshRequest>,
        #[prost(message, optional, tag = "15")] sub_refresh: Option<SubRefreshRequest>,
    }
    ConnectRequest {
        #[prost(string, tag = "1")] token: String,
        #[prost(bytes = "bytes", tag = "2")] data: Bytes,
        #[prost(btree_map = "string, message", tag = "3")] subs: BTreeMap<String, SubscribeRequest>,
        #[prost(string, tag = "4")] name: String,
        #[prost(string, tag = "5")] version: String,
        #[prost(btree_map = "string, string", tag = "6")] headers: BTreeMap<String, String>,
        #[prost(int64, tag = "7")] flag: i64,
        #[prost(string, tag = "8")] dict: String,
        #[prost(string, tag = "9")] profile: String,
    }
    SubscribeRequest {
        #[prost(string, tag = "1")] channel: String,
        #[prost(string, tag = "2")] token: String,
        #[prost(bool, tag = "3")] recover: bool,
        #[prost(string, tag = "6")] epoch: String,
        #[prost(uint64, tag = "7")] offset: u64,
        #[prost(bytes = "bytes", tag = "8")] data: Bytes,
        #[prost(bool, tag = "9")] positioned: bool,
        #[prost(bool, tag = "10")] recoverable: bool,
        #[prost(bool, tag = "11")] join_leave: bool,
        #[prost(string, tag = "12")] delta: String,
        #[prost(message, optional, tag = "13")] tf: Option<FilterNode>,
        #[prost(int64, tag = "14")] flag: i64,
        #[prost(int32, tag = "15")] r#type: i32,
        #[prost(int32, tag = "16")] phase: i32,
        #[prost(string, tag = "17")] cursor: String,
        #[prost(int32, tag = "18")] limit: i32,
        #[prost(bool, tag = "19")] asc: bool,
    }
    FilterNode {
        #[prost(string, tag = "1")] op: String,
        #[prost(string, tag = "2")] key: String,
        #[prost(string, tag = "3")] cmp: String,
        #[prost(string, tag = "4")] val: String,
        #[prost(string, repeated, tag = "5")] vals: Vec<String>,
        #[prost(message, repeated, tag = "6")] nodes: Vec<FilterNode>,
    }
    Channel {
        #[prost(string, tag = "1")] channel: String,
    }
    PublishRequest {
        #[prost(string, tag = "1")] channel: String,
        #[prost(bytes = "bytes", tag = "2")] data: Bytes,
        #[prost(int32, tag = "3")] r#type: i32,
        #[prost(string, tag = "4")] key: String,
        #[prost(bool, tag = "5")] removed: bool,
    }
    HistoryRequest {
        #[prost(string, tag = "1")] channel: String,
        #[prost(int32, tag = "7")] limit: i32,
        #[prost(message, optional, tag = "8")] since: Option<StreamPosition>,
        #[prost(bool, tag = "9")] reverse: bool,
    }
    StreamPosition {
        #[prost(uint64, tag = "1")] offset: u64,
        #[prost(string, tag = "2")] epoch: String,
    }
    Data {
        #[prost(bytes = "bytes", tag = "1")] data: Bytes,
    }
    RpcRequest {
        #[prost(bytes = "bytes", tag = "1")] data: Bytes,
        #[prost(string, tag = "2")] method: String,
    }
    RefreshRequest {
        #[prost(string, tag = "1")] token: String,
    }
    SubRefreshRequest {
        #[prost(string, tag = "1")] channel: String,
        #[prost(string, tag = "2")] token: String,
        #[prost(int32, tag = "3")] r#type: i32,
        #[prost(string, repeated, tag = "5")] untrack: Vec<String>,
    }
    Empty {}

    Reply {
        #[prost(uint32, tag = "1")] id: u32,
        #[prost(message, optional, tag = "2")] error: Option<Error>,
        #[prost(message, optional, tag = "4")] push: Option<Push>,
        #[prost(message, optional, tag = "5")] connect: Option<ConnectResult>,
        #[prost(message, optional, tag = "6")] subscribe: Option<SubscribeResult>,
        #[prost(message, optional, tag = "7")] unsubscribe: Option<Empty>,
        #[prost(message, optional, tag = "8")] publish: Option<Empty>,
        #[prost(message, optional, tag = "9")] presence: Option<PresenceResult>,
        #[prost(message, optional, tag = "10")] presence_stats: Option<PresenceStatsResult>,
        #[prost(message, optional, tag = "11")] history: Option<HistoryResult>,
        #[prost(message, optional, tag = "12")] ping: Option<Empty>,
        #[prost(message, optional, tag = "13")] rpc: Option<Data>,
        #[prost(message, optional, tag = "14")] refresh: Option<RefreshResult>,
        #[prost(message, optional, tag = "15")] sub_refresh: Option<Expiry>,
    }
    Error {
        #[prost(uint32, tag = "1")] code: u32,
        #[prost(string, tag = "2")] message: String,
        #[prost(bool, tag = "3")] temporary: bool,
    }
    Push {
        #[prost(int64, tag = "1")] id: i64,
        #[prost(string, tag = "2")] channel: String,
        #[prost(message, optional, tag = "4")] r#pub: Option<Publication>,
        #[prost(message, optional, tag = "5")] join: Option<About>,
        #[prost(message, optional, tag = "6")] leave: Option<About>,
        #[prost(message, optional, tag = "7")] unsubscribe: Option<Unsubscribe>,
        #[prost(message, optional, tag = "8")] message: Option<Data>,
        #[prost(message, optional, tag = "9")] subscribe: Option<Subscribe>,
        #[prost(message, optional, tag = "10")] connect: Option<ConnectResult>,
        #[prost(message, optional, tag = "11")] disconnect: Option<Disconnect>,
        #[prost(message, optional, tag = "12")] refresh: Option<Expiry>,
    }
    ClientInfo {
        #[prost(string, tag = "1")] user: String,
        #[prost(string, tag = "2")] client: String,
        #[prost(bytes = "bytes", tag = "3")] conn_info: Bytes,
        #[prost(bytes = "bytes", tag = "4")] chan_info: Bytes,
    }
    Publication {
        #[prost(bytes = "bytes", tag = "4")] data: Bytes,
        #[prost(message, optional, tag = "5")] info: Option<ClientInfo>,
        #[prost(uint64, tag = "6")] offset: u64,
        #[prost(btree_map = "string, string", tag = "7")] tags: BTreeMap<String, String>,
        #[prost(bool, tag = "8")] delta: bool,
        #[prost(int64, tag = "9")] time: i64,
    }
    About {
        #[prost(message, optional, tag = "1")] info: Option<ClientInfo>,
    }
    Unsubscribe {
        #[prost(uint32, tag = "2")] code: u32,
        #[prost(string, tag = "3")] reason: String,
    }
    Subscribe {
        #[prost(bool, tag = "1")] recoverable: bool,
        #[prost(string, tag = "4")] epoch: String,
        #[prost(uint64, tag = "5")] offset: u64,
        #[prost(bool, tag = "6")] positioned: bool,
        #[prost(bytes = "bytes", tag = "7")] data: Bytes,
    }
    Disconnect {
        #[prost(uint32, tag = "1")] code: u32,
        #[prost(string, tag = "2")] reason: String,
        #[prost(bool, tag = "3")] reconnect: bool,
    }
    Expiry {
        #[prost(bool, tag = "1")] expires: bool,
        #[prost(uint32, tag = "2")] ttl: u32,
    }
    ConnectResult {
        #[prost(string, tag = "1")] client: String,
        #[prost(string, tag = "2")] version: String,
        #[prost(bool, tag = "3")] expires: bool,
        #[prost(uint32, tag = "4")] ttl: u32,
        #[prost(bytes = "bytes", tag = "5")] data: Bytes,
        #[prost(btree_map = "string, message", tag = "6")] subs: BTreeMap<String, SubscribeResult>,
        #[prost(uint32, tag = "7")] ping: u32,
        #[prost(bool, tag = "8")] pong: bool,
        #[prost(string, tag = "9")] session: String,
        #[prost(string, tag = "10")] node: String,
        #[prost(int64, tag = "11")] time: i64,
        #[prost(int64, tag = "12")] flag: i64,
    }
    SubscribeResult {
        #[prost(bool, tag = "1")] expires: bool,
        #[prost(uint32, tag = "2")] ttl: u32,
        #[prost(bool, tag = "3")] recoverable: bool,
        #[prost(string, tag = "6")] epoch: String,
        #[prost(message, repeated, tag = "7")] publications: Vec<Publication>,
        #[prost(bool, tag = "8")] recovered: bool,
        #[prost(uint64, tag = "9")] offset: u64,
        #[prost(bool, tag = "10")] positioned: bool,
        #[prost(bytes = "bytes", tag = "11")] data: Bytes,
        #[prost(bool, tag = "12")] was_recovering: bool,
        #[prost(bool, tag = "13")] delta: bool,
        #[prost(int64, tag = "14")] id: i64,
    }
    PresenceResult {
        #[prost(btree_map = "string, message", tag = "1")] presence: BTreeMap<String, ClientInfo>,
    }
    PresenceStatsResult {
        #[prost(uint32, tag = "1")] num_clients: u32,
        #[prost(uint32, tag = "2")] num_users: u32,
    }
    HistoryResult {
        #[prost(message, repeated, tag = "1")] publications: Vec<Publication>,
        #[prost(string, tag = "2")] epoch: String,
        #[prost(uint64, tag = "3")] offset: u64,
    }
    RefreshResult {
        #[prost(string, tag = "1")] client: String,
        #[prost(string, tag = "2")] version: String,
        #[prost(bool, tag = "3")] expires: bool,
        #[prost(uint32, tag = "4")] ttl: u32,
    }
}
