//! Reading what a client sent.

mod error;
pub(crate) mod fields;
pub(crate) mod json;
pub(crate) mod protobuf;

use bytes::Bytes;

use crate::command::{Command, Request};
use crate::encoding::Encoding;
use crate::payload;
use crate::request::ConnectRequest;

pub use error::DecodeError;

/// What a client may send at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Most bytes of a frame or body.
    pub message: usize,
    /// Most commands in one: the smallest takes one byte, and a thousand times that here.
    pub commands: usize,
    /// Most subscriptions, and most headers, that a connect request may name: each may be
    /// few bytes, and is kept until the connection is decided on.
    pub entries: usize,
    /// Deepest that data of JSON may be nested. It reaches other clients, of which some read
    /// JSON by recursion.
    pub depth: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            message: 64 << 10,
            commands: 1024,
            entries: 1024,
            depth: payload::MAX_DEPTH,
        }
    }
}

/// The commands of one frame or body, in their order.
///
/// Fields that are not known are passed over, as are further requests of a command.
///
/// # Errors
///
/// When anything of the message is not the protocol, or beyond a limit; all of it is refused
/// then. A client that sent it is disconnected with
/// [`BAD_REQUEST`](crate::codes::disconnects::BAD_REQUEST).
pub fn decode(
    encoding: Encoding,
    message: &[u8],
    limits: &DecodeLimits,
) -> Result<Vec<Command>, DecodeError> {
    check_size(message, limits)?;
    let mut commands = Vec::new();
    let mut take = |command: Command| {
        let number = commands.len() + 1;
        if number > limits.commands {
            let limit = limits.commands;
            return Err(DecodeError::TooManyCommands { limit });
        }
        check(&command, encoding, number, limits)?;
        commands.push(command);
        Ok(())
    };
    match encoding {
        Encoding::Json => json::each_line(message, &mut take)?,
        Encoding::Protobuf => protobuf::each_message(message, take)?,
    }
    Ok(commands)
}

/// A connect request alone, as clients that only listen send it: an object of JSON, or
/// protobuf without its length.
///
/// # Errors
///
/// When it is not one, or beyond a limit.
pub fn decode_connect(
    encoding: Encoding,
    message: &[u8],
    limits: &DecodeLimits,
) -> Result<ConnectRequest, DecodeError> {
    check_size(message, limits)?;
    let request = match encoding {
        Encoding::Json => json::read(message, 1)?,
        Encoding::Protobuf => protobuf::read(message, 1)?,
    };
    check_connect(&request, 1, limits)?;
    check_depth(&request.data, encoding, 1, limits)?;
    Ok(request)
}

fn check_size(message: &[u8], limits: &DecodeLimits) -> Result<(), DecodeError> {
    let (size, limit) = (message.len(), limits.message);
    match size {
        0 => Err(DecodeError::Empty),
        _ if size > limit => Err(DecodeError::TooLarge { size, limit }),
        _ => Ok(()),
    }
}

fn check(
    command: &Command,
    encoding: Encoding,
    number: usize,
    limits: &DecodeLimits,
) -> Result<(), DecodeError> {
    let unnumbered = matches!(command.request, Request::Pong | Request::Send(_));
    if command.id == 0 && !unnumbered {
        return Err(DecodeError::NoId { command: number });
    }
    let data = match &command.request {
        Request::Connect(request) => {
            check_connect(request, number, limits)?;
            &request.data
        }
        Request::Subscribe(request) => &request.data,
        Request::Publish(request) => &request.data,
        Request::Send(request) => &request.data,
        Request::Rpc(request) => &request.data,
        _ => return Ok(()),
    };
    check_depth(data, encoding, number, limits)
}

fn check_connect(
    request: &ConnectRequest,
    command: usize,
    limits: &DecodeLimits,
) -> Result<(), DecodeError> {
    let limit = limits.entries;
    if request.subs.len() > limit || request.headers.len() > limit {
        return Err(DecodeError::TooManyEntries { command, limit });
    }
    Ok(())
}

fn check_depth(
    data: &Bytes,
    encoding: Encoding,
    command: usize,
    limits: &DecodeLimits,
) -> Result<(), DecodeError> {
    let limit = limits.depth;
    if encoding == Encoding::Json && payload::is_deeper(data, limit) {
        return Err(DecodeError::TooDeep { command, limit });
    }
    Ok(())
}
