//! Commands that come in requests of their own, for a connection on which only the server
//! can write.

use bytes::Bytes;
use serde::Deserialize;

use crate::decode::fields::or_default;
use crate::decode::{DecodeError, DecodeLimits, json, protobuf};
use crate::encoding::Encoding;

/// Commands for a connection.
#[derive(Clone, PartialEq, Eq)]
pub struct EmulatedMessage {
    /// The node that holds the connection.
    pub node: String,
    /// The connection, as a secret between client and server.
    pub session: String,
    /// The commands, for [`decode`](crate::decode()).
    pub data: Bytes,
}

impl std::fmt::Debug for EmulatedMessage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Whoever knows the session can send commands for it; tokens are among the data.
        formatter
            .debug_struct("EmulatedMessage")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

/// Reads the body of such a request.
///
/// # Errors
///
/// When it is not one, or larger than a message may be.
pub fn decode_emulated(
    encoding: Encoding,
    body: &[u8],
    limits: &DecodeLimits,
) -> Result<EmulatedMessage, DecodeError> {
    let (size, limit) = (body.len(), limits.message);
    if size > limit {
        return Err(DecodeError::TooLarge { size, limit });
    }
    match encoding {
        Encoding::Json => {
            let sent: InJson = json::read(body, 1)?;
            Ok(EmulatedMessage {
                node: sent.node,
                session: sent.session,
                data: sent.data.into(),
            })
        }
        Encoding::Protobuf => {
            let sent: InProtobuf = protobuf::read(body, 1)?;
            Ok(EmulatedMessage {
                node: sent.node,
                session: sent.session,
                data: sent.data,
            })
        }
    }
}

/// Lines of JSON are a text within JSON.
#[derive(Default, Deserialize)]
#[serde(default)]
struct InJson {
    #[serde(deserialize_with = "or_default")]
    node: String,
    #[serde(deserialize_with = "or_default")]
    session: String,
    #[serde(deserialize_with = "or_default")]
    data: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
#[prost(skip_debug)]
struct InProtobuf {
    #[prost(string, tag = "1")]
    node: String,
    #[prost(string, tag = "2")]
    session: String,
    #[prost(bytes = "bytes", tag = "3")]
    data: Bytes,
}

impl std::fmt::Debug for InProtobuf {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("InProtobuf")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, Request};
    use crate::decode::decode;

    #[test]
    fn commands_of_both_encodings_are_taken_out() {
        let json = br#"{"session":"S1","node":"N1","data":"{\"send\":{\"data\":[1]}}\n{}"}"#;
        let limits = DecodeLimits::default();
        let sent = decode_emulated(Encoding::Json, json, &limits).unwrap();
        assert_eq!((&*sent.node, &*sent.session), ("N1", "S1"));
        let commands = decode(Encoding::Json, &sent.data, &limits).unwrap();
        assert_eq!(commands.len(), 2);
        let protobuf = b"\x0a\x02N1\x12\x02S1\x1a\x02\x00\x00";
        let sent = decode_emulated(Encoding::Protobuf, protobuf, &limits).unwrap();
        assert_eq!((&*sent.node, &*sent.session), ("N1", "S1"));
        let pong = Command {
            id: 0,
            request: Request::Pong,
        };
        let commands = decode(Encoding::Protobuf, &sent.data, &limits).unwrap();
        assert_eq!(commands, [pong.clone(), pong]);
    }

    #[test]
    fn secrets_are_not_shown() {
        let json = br#"{"session":"S1","node":"N1","data":"{}"}"#;
        let sent = decode_emulated(Encoding::Json, json, &DecodeLimits::default());
        let shown = format!("{:?}", sent.unwrap());
        assert!(shown.contains("N1") && !shown.contains("S1"), "{shown}");
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let limits = DecodeLimits {
            message: 10,
            ..DecodeLimits::default()
        };
        let refused = decode_emulated(Encoding::Json, &[b' '; 11], &limits);
        let told = DecodeError::TooLarge {
            size: 11,
            limit: 10,
        };
        assert_eq!(refused, Err(told));
    }
}
