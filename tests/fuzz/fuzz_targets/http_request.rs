//! An arbitrary HTTP request, written as a text: a line with method and path, header
//! lines, an empty line, the body. It is answered without a failure of the node's own; what
//! is refused says why as a problem; what is taken is an event that reads as it was
//! written. Run it with `cargo fuzz run --fuzz-dir tests/fuzz -s none http_request`.

#![no_main]

use std::cell::OnceCell;

use axum::body::Body;
use axum::http::header::ACCEPT;
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use hearken_fuzz::gateway::Node;
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

thread_local! {
    static NODE: OnceCell<Node> = const { OnceCell::new() };
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(request) = request(bytes) {
        NODE.with(|node| answer(node.get_or_init(Node::new), request));
    }
});

fn request(bytes: &[u8]) -> Option<Request<Body>> {
    let end = bytes.windows(2).position(|two| two == b"\n\n")?;
    let (head, body) = (&bytes[..end], &bytes[end + 2..]);
    let mut lines = head.split(|byte| *byte == b'\n');
    let (method, uri) = std::str::from_utf8(lines.next()?).ok()?.split_once(' ')?;
    let mut request = Request::new(Body::from(body.to_vec()));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *request.uri_mut() = uri.parse::<Uri>().ok()?;
    // A stream has no end to wait for.
    let path = request.uri().path();
    let may_stream = path.starts_with("/v1/channels/") && path.ends_with("/events");
    if request.method() == Method::GET && path == "/v1/events" {
        return None;
    }
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        if may_stream && name == ACCEPT {
            continue;
        }
        request.headers_mut().append(name, value);
    }
    Some(request)
}

fn answer(node: &Node, request: Request<Body>) {
    let path = request.uri().path().to_owned();
    let publishes = request.method() == Method::POST && path.ends_with("/events");
    let is_of_ganomede = ["/events/v1", "/latest", "/about"]
        .iter()
        .any(|prefix| path.starts_with(prefix));
    let (status, body) = node.runtime.block_on(async {
        let (head, body) = node.send(request).await.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        (head.status, body)
    });
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
    if status.is_client_error() || status.is_server_error() {
        let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
        // An answer to HEAD has no body.
        let has_code = is_of_ganomede && problem["code"].is_string();
        if !body.is_empty() && !has_code {
            assert!(problem["detail"].is_string(), "{status} without a problem");
            assert_eq!(problem["status"], status.as_u16());
        }
    }
    let of_ganomede_stored = is_of_ganomede && status == StatusCode::OK;
    let taken: Vec<_> = node.taken().filter(|event| !is_of_host(event)).collect();
    if publishes && status == StatusCode::ACCEPTED {
        let receipt: Value = serde_json::from_slice(&body).expect("a receipt is JSON");
        let none = receipt.as_array().is_some_and(Vec::is_empty);
        assert_eq!(taken.is_empty(), none, "202 to {receipt}");
    } else if !(publishes && (status == StatusCode::CREATED || of_ganomede_stored)) {
        assert!(taken.is_empty(), "{status}, and an event was published");
    }
    for event in taken {
        let event: Value = serde_json::from_str(&event).expect("an event is JSON");
        assert_eq!(event["specversion"], "1.0");
        for attribute in ["id", "source", "type"] {
            let value = event[attribute].as_str().expect("an attribute is a text");
            assert!(!value.is_empty(), "{attribute}");
        }
        let event_type = event["type"].as_str().unwrap_or_default();
        assert!(event_type.starts_with("custom."), "{event_type}");
    }
}

/// Whether the node tells so of a channel that was made or removed, or of a wrong secret.
fn is_of_host(event: &str) -> bool {
    let event: Value = serde_json::from_str(event).expect("an event is JSON");
    let event_type = event["type"].as_str().unwrap_or_default();
    event_type.starts_with("channel.") || event_type == "access.denied"
}
