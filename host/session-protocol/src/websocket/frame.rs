//! The frames that a server sends.

use std::ops::Deref;

use bytes::Bytes;

/// Most bytes in front of a payload.
pub const MAX_HEADER_BYTES: usize = 10;

/// Says that no further frame of the message comes.
pub(super) const FINAL: u8 = 0x80;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// A further part of a message.
    Continuation,
    /// A message of UTF-8, or the first part of one.
    Text,
    /// A message of any bytes, or the first part of one.
    Binary,
    /// The last frame.
    Close,
    /// A question that is answered by a pong of the same payload.
    Ping,
    /// The answer to a ping, or a sign of life.
    Pong,
}

impl Opcode {
    /// Its number in a frame.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xA,
        }
    }

    pub(super) const fn from_number(number: u8) -> Option<Self> {
        match number {
            0x0 => Some(Self::Continuation),
            0x1 => Some(Self::Text),
            0x2 => Some(Self::Binary),
            0x8 => Some(Self::Close),
            0x9 => Some(Self::Ping),
            0xA => Some(Self::Pong),
            _ => None,
        }
    }

    /// Whether it may come between the parts of a message.
    pub(super) const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// What stands in front of a payload.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    bytes: [u8; MAX_HEADER_BYTES],
    length: u8,
}

impl Deref for Header {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length.into()]
    }
}

/// The header of a frame that is all of its message, in front of `length` bytes.
#[must_use]
pub fn header(opcode: Opcode, length: usize) -> Header {
    let mut bytes = [0; MAX_HEADER_BYTES];
    bytes[0] = FINAL | opcode.number();
    let length = if length < 126 {
        bytes[1] = length as u8;
        2
    } else if let Ok(length) = u16::try_from(length) {
        bytes[1] = 126;
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        4
    } else {
        bytes[1] = 127;
        bytes[2..10].copy_from_slice(&(length as u64).to_be_bytes());
        10
    };
    Header { bytes, length }
}

/// A frame that is all of its message.
#[must_use]
pub fn frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    let header = header(opcode, payload.len());
    let mut frame = Vec::with_capacity(header.len() + payload.len());
    frame.extend_from_slice(&header);
    frame.extend_from_slice(payload);
    frame.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_as_few_bytes_as_they_can() {
        assert_eq!(*header(Opcode::Text, 0), [0x81, 0]);
        assert_eq!(*header(Opcode::Binary, 125), [0x82, 125]);
        assert_eq!(*header(Opcode::Text, 126), [0x81, 126, 0, 126]);
        assert_eq!(*header(Opcode::Text, 65_535), [0x81, 126, 0xff, 0xff]);
        let long = [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!(*header(Opcode::Text, 65_536), long);
    }
}
