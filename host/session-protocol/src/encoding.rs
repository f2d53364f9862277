//! The two ways in which messages are written.

use crate::websocket::Opcode;

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Objects of JSON, one a line. Data is JSON within them.
    Json,
    /// Protobuf, each message behind its length as a varint. Data is bytes.
    Protobuf,
}

impl Encoding {
    /// The kind of WebSocket message that carries it.
    #[must_use]
    pub fn opcode(self) -> Opcode {
        match self {
            Self::Json => Opcode::Text,
            Self::Protobuf => Opcode::Binary,
        }
    }
}
