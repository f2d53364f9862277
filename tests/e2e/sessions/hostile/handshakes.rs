//! Handshakes that are none, or of pages that may not.

use super::*;
use crate::support::web_socket::{Answered, first, frame};

/// A page that may.
const FRIEND: &str = "https://app.example.com";

/// A connect command, compressed by `gzip` (of which nothing is saved).
const COMPRESSED: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\x15\x00\xea\xff\
    {\"connect\":{},\"id\":1}\xac %\xa1\x15\x00\x00\x00";

async fn stage() -> Stage {
    let origins = format!("[access]\nallowed_origins = [\"{FRIEND}\"]");
    Stage::with(&CONFIGURATION.replacen("[access]", &origins, 1)).await
}

async fn answered(stage: &Stage, method: &str, headers: &[(&str, &str)]) -> Answered {
    let (answered, _) = WebSocket::shake_hands(&stage.node, method, PATH, headers).await;
    answered
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_have_no_sessions() {
    let mut stage = stage().await;
    let own = stage.node.url.clone();
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        // Neither a part of one that may, nor the same host otherwise.
        &[("origin", "https://app.example.com.evil.example")],
        &[("origin", "http://app.example.com")],
        &[("origin", "https://app.example.com:8443")],
        &[("origin", "http://127.0.0.1:1")],
        &[("sec-fetch-site", "cross-site")],
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
        ],
        // By a name that is not the node's.
        &[("host", "evil.example")],
        &[("host", "evil.example"), ("origin", "http://evil.example")],
    ] {
        let answered = answered(&stage, "GET", headers).await;
        assert_eq!(answered.status, 403, "{headers:?}");
        let foreign = "access-control-allow-origin";
        assert!(!answered.head.contains(foreign), "{answered:?}");
    }
    for headers in [
        &[][..],
        &[("origin", FRIEND)],
        &[("origin", own.as_str())],
        &[("sec-fetch-site", "same-origin"), ("origin", own.as_str())],
    ] {
        let answered = answered(&stage, "GET", headers).await;
        assert_eq!(answered.status, 101, "{headers:?}");
    }
    stage.witness.misses_nothing(&stage.node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_handshake_is_refused() {
    let mut stage = stage().await;
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    for (headers, status) in [
        (&[("sec-websocket-version", "8")][..], 426),
        (&[("sec-websocket-version", "")], 426),
        (&[("upgrade", "")], 426),
        (&[("upgrade", "h2c")], 426),
        (&[("connection", "keep-alive")], 426),
        (&[("sec-websocket-key", "")], 400),
        (&[("sec-websocket-key", "c2hvcnQ=")], 400),
        (&[("sec-websocket-key", "!")], 400),
        (
            &[("sec-websocket-key", key), ("sec-websocket-key", key)],
            400,
        ),
    ] {
        let answered = answered(&stage, "GET", headers).await;
        assert_eq!(answered.status, status, "{headers:?}");
    }
    let posted = [("content-length", "0")];
    assert_eq!(answered(&stage, "POST", &posted).await.status, 405);
    stage.witness.misses_nothing(&stage.node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_decompressed() {
    let mut stage = stage().await;
    let offered = "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame";
    let headers = [("sec-websocket-extensions", offered)];
    let (answered, mut web_socket) =
        WebSocket::shake_hands(&stage.node, "GET", PATH, &headers).await;
    assert_eq!(answered.status, 101);
    assert!(!answered.head.contains("extensions"), "{answered:?}");
    // What would be a kilobyte for each byte, if it were what it says.
    web_socket
        .send(&frame(first::TEXT | 0x40, &[0; 60 << 10]))
        .await;
    let close = (1002, "a reserved bit is set".to_owned());
    assert_eq!(web_socket.closed().await, close);

    let compressed = stage
        .node
        .request(Method::POST, "/connection/http_stream")
        .header("content-encoding", "gzip")
        .body(COMPRESSED);
    assert!(answer(compressed).await.status().is_client_error());
    stage.witness.misses_nothing(&stage.node).await;
}
