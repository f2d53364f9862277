//! The disconnects that the protocol names.

use std::borrow::Cow;

use super::Disconnect;

const fn disconnect(code: u32, reason: &'static str) -> Disconnect {
    Disconnect {
        code,
        reason: Cow::Borrowed(reason),
    }
}

/// 3000: the connection went without a word. It is never sent, only reported.
pub const CONNECTION_CLOSED: Disconnect = disconnect(3000, "connection closed");

/// 3001: the node ends; the client finds another.
pub const SHUTDOWN: Disconnect = disconnect(3001, "shutdown");

/// 3004: something is wrong here.
pub const SERVER_ERROR: Disconnect = disconnect(3004, "internal server error");

/// 3005: the token of the connection is of the past and was not renewed.
pub const EXPIRED: Disconnect = disconnect(3005, "connection expired");

/// 3006: the same of a subscription that the server made.
pub const SUBSCRIPTION_EXPIRED: Disconnect = disconnect(3006, "subscription expired");

/// 3008: the client does not read as fast as is written to it.
pub const SLOW: Disconnect = disconnect(3008, "slow");

/// 3009: writing to the client failed.
pub const WRITE_ERROR: Disconnect = disconnect(3009, "write error");

/// 3010: publications are missing; the client gets them when it connects again.
pub const INSUFFICIENT_STATE: Disconnect = disconnect(3010, "insufficient state");

/// 3011: the server wants the client to connect anew.
pub const FORCE_RECONNECT: Disconnect = disconnect(3011, "force reconnect");

/// 3012: no answer to a ping in time.
pub const NO_PONG: Disconnect = disconnect(3012, "no pong");

/// 3013: a limit on rates is reached again and again.
pub const TOO_MANY_REQUESTS: Disconnect = disconnect(3013, "too many requests");

/// 3014: the client has to forget its token and its positions.
pub const STATE_INVALIDATED: Disconnect = disconnect(3014, "state invalidated");

/// 3500: the token is not one, or not this client's.
pub const INVALID_TOKEN: Disconnect = disconnect(3500, "invalid token");

/// 3501: what the client sent is not the protocol, or out of order.
pub const BAD_REQUEST: Disconnect = disconnect(3501, "bad request");

/// 3502: the client did not connect in time after it dialled.
pub const STALE: Disconnect = disconnect(3502, "stale");

/// 3503: the server wants the client to stay away.
pub const FORCE_DISCONNECT: Disconnect = disconnect(3503, "force disconnect");

/// 3504: there are as many connections as there may be.
pub const CONNECTION_LIMIT: Disconnect = disconnect(3504, "connection limit");

/// 3505: the connection has as many channels as it may have.
pub const CHANNEL_LIMIT: Disconnect = disconnect(3505, "channel limit");

/// 3506: the encoding cannot carry what has to be sent.
pub const INAPPROPRIATE_PROTOCOL: Disconnect = disconnect(3506, "inappropriate protocol");

/// 3507: the client may not connect.
pub const PERMISSION_DENIED: Disconnect = disconnect(3507, "permission denied");

/// 3508: what is asked for is switched off.
pub const NOT_AVAILABLE: Disconnect = disconnect(3508, "not available");

/// 3509: the client was refused too often.
pub const TOO_MANY_ERRORS: Disconnect = disconnect(3509, "too many errors");
