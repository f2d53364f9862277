//! How a connection ends.

use bytes::Bytes;

use super::frame::{Opcode, frame};

/// Most bytes of a reason: a control frame has 125, of which the code takes two.
pub const MAX_REASON_BYTES: usize = 123;

/// Why the other side closes the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// 1000 to 4999.
    pub code: u16,
    /// For people.
    pub reason: String,
}

/// What is wrong with what a client sent. The connection is closed for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A bit of an extension is set, and there are no extensions.
    #[error("a reserved bit is set")]
    ReservedBit,
    /// There is no such opcode.
    #[error("the opcode {0} is reserved")]
    ReservedOpcode(u8),
    /// Clients have to mask.
    #[error("a frame is not masked")]
    NotMasked,
    /// The length could have been written shorter, or is no length.
    #[error("a length is malformed")]
    Length,
    /// Control frames are whole and short.
    #[error("a control frame is in parts or longer than 125 bytes")]
    Control,
    /// Nothing is to be continued.
    #[error("a continuation of nothing")]
    Continuation,
    /// A message begins within another.
    #[error("a message within a message")]
    Interleaved,
    /// The message is too long.
    #[error("the message has more than {limit} bytes")]
    TooLarge {
        /// Most bytes.
        limit: usize,
    },
    /// Text is not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// A close frame with half a code, or one that may not be sent.
    #[error("the close code is malformed")]
    CloseCode,
}

impl Violation {
    /// The code of the close frame that answers it.
    #[must_use]
    pub fn close_code(&self) -> u16 {
        match self {
            Self::NotUtf8 => 1007,
            Self::TooLarge { .. } => 1009,
            _ => 1002,
        }
    }
}

/// The frame that closes a connection. Of the reason, what is too much is left out.
#[must_use]
pub fn close_frame(code: u16, reason: &str) -> Bytes {
    let reason = &reason[..reason.floor_char_boundary(MAX_REASON_BYTES)];
    let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
    frame(Opcode::Close, &payload)
}

/// What a close frame says; nothing if it is empty.
pub(super) fn read(payload: &[u8]) -> Result<Option<Close>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(None)
        } else {
            Err(Violation::CloseCode)
        };
    };
    let code = u16::from_be_bytes(*code);
    // The others may not be sent, or mean nothing yet.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::CloseCode);
    }
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok(Some(Close {
            code,
            reason: reason.to_owned(),
        })),
        Err(_) => Err(Violation::NotUtf8),
    }
}
