//! What a node counts of its sessions.

use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_sessions_do_is_counted() {
    let node = node().await;
    let mut session = Session::connect(&node, "POST http_stream", json!({})).await;
    let _other = Session::connect(&node, "GET sse", json!({})).await;
    let subscribe = json!({ "subscribe": { "channel": "chat:1" }, "id": 2 });
    session.command(&node, subscribe.clone()).await;
    let again = session.command(&node, subscribe).await;
    assert_eq!(again["error"]["code"], 105);
    let rpc = json!({ "rpc": { "method": "x", "data": 1 }, "id": 3 });
    assert_eq!(session.command(&node, rpc).await["error"]["code"], 108);
    node.publish(&json!({ "type": "said", "channel": "chat:1", "data": 1 }))
        .await;
    session.stream.message().await;
    for (name, value) in [
        ("hearken_sessions", 2.0),
        ("hearken_session_users", 1.0),
        ("hearken_session_subscriptions", 1.0),
        ("hearken_session_connects_total", 2.0),
        ("hearken_session_publications_total", 1.0),
        (
            "hearken_session_connections{transport=\"http_stream\"}",
            1.0,
        ),
        ("hearken_session_connections{transport=\"sse\"}", 1.0),
        ("hearken_session_connections{transport=\"websocket\"}", 0.0),
        ("hearken_session_received_messages_total", 5.0),
        (
            "hearken_session_errors_total{method=\"subscribe\",code=\"105\"}",
            1.0,
        ),
        (
            "hearken_session_errors_total{method=\"rpc\",code=\"108\"}",
            1.0,
        ),
        (
            "hearken_session_command_duration_seconds_count{method=\"connect\"}",
            2.0,
        ),
        (
            "hearken_session_command_duration_seconds_count{method=\"subscribe\"}",
            2.0,
        ),
        (
            "hearken_session_command_duration_seconds_bucket{le=\"+Inf\",method=\"rpc\"}",
            1.0,
        ),
        ("hearken_session_ping_pong_duration_seconds_count", 0.0),
    ] {
        assert_eq!(metric(&node, name).await, Some(value), "{name}");
    }
    let sent = metric(&node, "hearken_session_sent_bytes_total").await;
    assert!(sent > Some(100.0), "{sent:?}");

    let close = ["sessions", "disconnect", "--channel", "chat:1"];
    let closed = node.hearken(&close).await;
    assert_eq!(closed.code, 0, "{closed:?}");
    for (name, value) in [
        ("hearken_sessions", 1.0),
        ("hearken_session_subscriptions", 0.0),
        (
            "hearken_session_connections{transport=\"http_stream\"}",
            0.0,
        ),
        ("hearken_session_disconnects_total{code=\"3503\"}", 1.0),
    ] {
        assert_eq!(metric(&node, name).await, Some(value), "{name}");
    }
    let called = node
        .request(Method::POST, "/api/nothing")
        .header("x-api-key", SERVER_KEY)
        .body("{}");
    assert_eq!(answer(called).await.status(), StatusCode::OK);
    let name = "hearken_server_api_errors_total{method=\"other\",code=\"104\"}";
    assert_eq!(metric(&node, name).await, Some(1.0));
    let name = "hearken_server_api_command_duration_seconds_count{method=\"other\"}";
    assert_eq!(metric(&node, name).await, Some(1.0));
}
