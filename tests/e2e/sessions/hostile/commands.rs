//! What is no command, or none that may come then.

use super::*;
use crate::support::web_socket::{Heard, first, frame};

const BAD_REQUEST: (u16, &str) = (3501, "bad request");

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_command_ends_the_session() {
    let mut stage = Stage::new().await;
    let deep = format!("{}1{}", "[".repeat(101), "]".repeat(101));
    let deep = format!("{{\"publish\":{{\"channel\":\"chat:1\",\"data\":{deep}}},\"id\":2}}");
    let many = vec!["{\"id\":2,\"ping\":{}}"; 1025].join("\n");
    for (what, text) in [
        ("nothing", ""),
        ("a blank line", "\n\n"),
        ("no JSON", "{"),
        ("no object", "[1]"),
        (
            "a command without a number",
            r#"{"subscribe":{"channel":"chat:1"}}"#,
        ),
        (
            "a number below 1",
            r#"{"subscribe":{"channel":"chat:1"},"id":-1}"#,
        ),
        (
            "a number that is too large",
            r#"{"subscribe":{"channel":"chat:1"},"id":4294967296}"#,
        ),
        (
            "a number of another type",
            r#"{"subscribe":{"channel":"chat:1"},"id":"2"}"#,
        ),
        (
            "a channel of another type",
            r#"{"subscribe":{"channel":["chat:1"]},"id":2}"#,
        ),
        ("no channel", r#"{"subscribe":{"channel":""},"id":2}"#),
        (
            "a field that is there twice",
            r#"{"subscribe":{"channel":"chat:1"},"id":2,"id":3}"#,
        ),
        ("a second connect", r#"{"connect":{},"id":2}"#),
        ("a pong that nobody has asked for", "{}"),
        ("data that is nested too deep", &deep),
        ("too many commands", &many),
    ] {
        let mut hostile = Hostile::connect(&stage.node).await;
        hostile.say(text).await;
        stage.ends(hostile, BAD_REQUEST, Some(3501), what).await;
    }
    let mut hostile = Hostile::connect(&stage.node).await;
    let subscribe = br#"{"subscribe":{"channel":"chat:1"},"id":2}"#;
    hostile.send(&frame(first::BINARY, subscribe)).await;
    stage
        .ends(hostile, BAD_REQUEST, Some(3501), "binary in place of text")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_connected_may_do_nothing_else() {
    let stage = Stage::new().await;
    for command in [
        r#"{"subscribe":{"channel":"chat:1"},"id":1}"#,
        r#"{"publish":{"channel":"chat:1","data":1},"id":1}"#,
        r#"{"presence":{"channel":"chat:beside"},"id":1}"#,
        r#"{"history":{"channel":"chat:beside","limit":1},"id":1}"#,
        r#"{"rpc":{"method":"m","data":1},"id":1}"#,
        r#"{"send":{"data":1}}"#,
        r#"{"refresh":{"token":"t"},"id":1}"#,
        "{}",
    ] {
        let mut hostile = WebSocket::open(&stage.node, PATH, &[]).await;
        hostile.say(command).await;
        // What was to be done is not answered first.
        let close = Heard::Close {
            code: 3501,
            reason: "bad request".to_owned(),
        };
        assert_eq!(hostile.hear().await, Some(close), "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_protobuf_ends_the_session() {
    let mut stage = Stage::new().await;
    for (what, first, bytes) in [
        ("text in place of bytes", first::TEXT, &b"{}"[..]),
        (
            "no length",
            first::BINARY,
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        ("a length beyond the end", first::BINARY, b"\x7f\x08\x02"),
        (
            "a field beyond the end",
            first::BINARY,
            b"\x04\x08\x02\x2a\x7f",
        ),
        (
            "a channel that is not UTF-8",
            first::BINARY,
            b"\x07\x08\x02\x2a\x03\x0a\x01\xff",
        ),
        (
            "a command without a number",
            first::BINARY,
            b"\x05\x2a\x03\x0a\x01x",
        ),
    ] {
        let path = "/connection/websocket?format=protobuf";
        let mut hostile = WebSocket::open(&stage.node, path, &[]).await;
        hostile
            .send(&frame(first::BINARY, b"\x04\x08\x01\x22\x00"))
            .await;
        let connected = hostile.hear().await;
        assert!(matches!(connected, Some(Heard::Binary(_))), "{connected:?}");
        hostile.send(&frame(first, bytes)).await;
        let close = (3501, "bad request".to_owned());
        assert_eq!(hostile.closed().await, close, "{what}");
        stage.witness.misses_nothing(&stage.node).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_are_used_again_are_answered_again() {
    let mut stage = Stage::new().await;
    let mut hostile = Hostile::connect(&stage.node).await;
    let subscribe = |channel: &str| json!({ "subscribe": { "channel": channel }, "id": 1 });
    let lines =
        ["chat:a", "chat:b", "chat:a", "nothing:c"].map(|channel| subscribe(channel).to_string());
    hostile.say(&lines.join("\n")).await;
    for code in [Value::Null, Value::Null, json!(105), json!(102)] {
        let reply = hostile.message().await;
        assert_eq!(reply["id"], 1, "{reply}");
        assert_eq!(reply["error"]["code"], code, "{reply}");
    }
    // Each of the two subscriptions is one.
    for channel in ["chat:a", "chat:b"] {
        let event = json!({ "type": "said", "channel": channel, "data": 1 });
        stage.node.publish(&event).await;
        assert_eq!(hostile.message().await["push"]["channel"], channel);
    }
    stage.witness.misses_nothing(&stage.node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_refused_has_no_session() {
    let configuration = CONFIGURATION.replace("\nanonymous = true", "\nanonymous = false");
    let node = NodeProcess::start_again(configured(&configuration).0, &[]).await;
    let mut hostile = WebSocket::open(&node, PATH, &[]).await;
    hostile.say(r#"{"connect":{},"id":1}"#).await;
    assert_eq!(hostile.closed().await.0, 3501);
    let sessions: Value = node.get("/v1/sessions").await.json().await.expect("JSON");
    assert_eq!(sessions["sessions"], json!([]));
}
