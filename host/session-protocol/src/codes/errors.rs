//! The errors that the protocol names.

use std::borrow::Cow;

use super::ClientError;

const fn error(code: u32, message: &'static str, temporary: bool) -> ClientError {
    ClientError {
        code,
        message: Cow::Borrowed(message),
        temporary,
    }
}

/// 100: something is wrong here; the client may try again.
pub const INTERNAL: ClientError = error(100, "internal server error", true);

/// 101: who the client is was not shown.
pub const UNAUTHORIZED: ClientError = error(101, "unauthorized", false);

/// 102: nothing says what such a channel is.
pub const UNKNOWN_CHANNEL: ClientError = error(102, "unknown channel", false);

/// 103: the client may not do that.
pub const PERMISSION_DENIED: ClientError = error(103, "permission denied", false);

/// 104: there is no such method to call.
pub const METHOD_NOT_FOUND: ClientError = error(104, "method not found", false);

/// 105: the client is subscribed to the channel.
pub const ALREADY_SUBSCRIBED: ClientError = error(105, "already subscribed", false);

/// 106: a limit other than one on rates is reached.
pub const LIMIT_EXCEEDED: ClientError = error(106, "limit exceeded", false);

/// 107: the request can never be right.
pub const BAD_REQUEST: ClientError = error(107, "bad request", false);

/// 108: what is asked for is switched off, or not there.
pub const NOT_AVAILABLE: ClientError = error(108, "not available", false);

/// 109: the token is of the past: the client asks for a new one and tries again.
pub const TOKEN_EXPIRED: ClientError = error(109, "token expired", false);

/// 110: what the client had is of the past, without a token being involved.
pub const EXPIRED: ClientError = error(110, "expired", false);

/// 111: a limit on rates is reached; the client may try again.
pub const TOO_MANY_REQUESTS: ClientError = error(111, "too many requests", true);

/// 112: publications after the position are not kept, or it is one of another stream.
pub const UNRECOVERABLE_POSITION: ClientError = error(112, "unrecoverable position", false);

/// 113: what is read in pages changed meanwhile; the client may try again.
pub const CONCURRENT_PAGINATION: ClientError = error(113, "concurrent pagination", true);
