//! The part of the handshake that is peculiar to WebSocket.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// What RFC 6455 has for all servers.
const WEB_SOCKET: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The value of `Sec-WebSocket-Accept` to the `key` of `Sec-WebSocket-Key`: it shows that the
/// server knows what it is asked for. (SHA-1 is no matter of security here.)
#[must_use]
pub fn accept_key(key: &str) -> String {
    let text = [key, WEB_SOCKET].concat();
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_key_of_the_specification_is_accepted_as_there() {
        let accepted = super::accept_key("dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accepted, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
