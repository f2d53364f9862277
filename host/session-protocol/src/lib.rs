//! What clients of sessions and a node say to each other, without sockets, clocks and
//! anything of Hearken: bytes in, values out, and the other way round.
//!
//! The protocol is the second version of that of Centrifugo and its client libraries, for
//! subscriptions to streams, as [its documentation] and its schema have it. A client sends
//! [commands](Command), a server answers each with a [`Reply`] and says more in
//! [pushes](Push). All of it travels as JSON, one message a line, or as protobuf, each
//! message behind its length ([`Encoding`]); what is a message's field, under which name
//! and number, is written once and holds for both.
//!
//! - [`decode()`] reads what a client sent; [`request`] is what it may ask for.
//! - [`encode_reply`], [`encode_push`] and [`encode_ping`] write what a server says.
//! - [`codes`] are the errors, disconnects and unsubscribes, by their numbers.
//! - [`payload`] is about data that travels within messages as it is.
//! - [`delta`] makes of a publication what differs from the one before, [`filter`] picks
//!   publications by their tags.
//! - [`websocket`] takes a connection's bytes apart into messages, and frames them.
//!
//! [its documentation]: https://centrifugal.dev/docs/transports/client_protocol

pub mod codes;
mod command;
mod decode;
pub mod delta;
mod emulation;
mod encode;
mod encoding;
pub mod filter;
pub mod payload;
mod publication;
mod push;
mod reply;
pub mod request;
pub mod websocket;

pub use codes::{ClientError, Disconnect, Unsubscribe};
pub use command::{Command, Request};
pub use decode::{DecodeError, DecodeLimits, decode, decode_connect};
pub use emulation::{EmulatedMessage, decode_emulated};
pub use encode::{encode_ping, end_message};
pub use encoding::Encoding;
pub use publication::{ClientInfo, Publication};
pub use push::{Push, PushChannel, SubscribePush, encode_bare_push, encode_push};
pub use reply::{
    Answer, ConnectResult, HistoryResult, PresenceResult, PresenceStatsResult, RefreshResult,
    Reply, RpcResult, SubRefreshResult, SubscribeResult, encode_reply,
};
pub use request::{
    ConnectRequest, HistoryRequest, PresenceRequest, PresenceStatsRequest, PublishRequest,
    RefreshRequest, RpcRequest, SendRequest, StreamPosition, SubRefreshRequest, SubscribePosition,
    SubscribeRequest, UnsubscribeRequest,
};
