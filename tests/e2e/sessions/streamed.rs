//! What clients of these transports live through.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_cut_off_gets_what_was_missed() {
    let node = node().await;
    for way in EMULATED {
        let channel = format!("chat:{}", way.replace(' ', "-"));
        let publish = |n: u64| json!({ "type": "said", "subject": "pear", "channel": channel, "data": { "n": n } });
        let mut session = Session::connect(&node, way, json!({ "name": "tests" })).await;
        let subscribe = json!({
            "subscribe": { "channel": channel, "recoverable": true }, "id": 2,
        });
        let reply = session.command(&node, subscribe).await;
        let epoch = reply["subscribe"]["epoch"].clone();
        node.publish(&publish(1)).await;
        let push = session.stream.message().await["push"].clone();
        assert_eq!(push["channel"], channel.as_str(), "{way}");
        assert_eq!(push["pub"]["data"], json!({ "n": 1 }));
        assert_eq!(push["pub"]["offset"], 1);
        let tags = json!({ "type": "custom.said", "subject": "pear" });
        assert_eq!(push["pub"]["tags"], tags);

        let id = session.id().to_owned();
        drop(session);
        until_gone(&node, &id).await;
        node.publish(&publish(2)).await;
        node.publish(&publish(3)).await;
        let mut session = Session::connect(&node, way, json!({})).await;
        let again = json!({
            "subscribe": { "channel": channel, "recover": true, "offset": 1, "epoch": epoch },
            "id": 2,
        });
        let reply = session.command(&node, again).await["subscribe"].clone();
        assert_eq!(reply["recovered"], true, "{way}: {reply}");
        let missed = reply["publications"].as_array().expect("publications");
        let missed: Vec<_> = missed.iter().map(|it| it["data"]["n"].as_u64()).collect();
        assert_eq!(missed, [Some(2), Some(3)]);
        node.publish(&publish(4)).await;
        let push = session.stream.message().await;
        assert_eq!(push["push"]["pub"]["offset"], 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_one_request_are_carried_out_in_their_order() {
    let node = node().await;
    let mut session = Session::connect(&node, "POST http_stream", json!({})).await;
    let lines = ["chat:1", "chat:2", "nothing:3", "chat:1"]
        .iter()
        .zip(2..)
        .map(|(channel, id)| json!({ "subscribe": { "channel": channel }, "id": id }).to_string());
    let lines = lines.collect::<Vec<_>>().join("\n");
    emulate(&node, &session.connected, &lines).await;
    for (id, code) in [
        (2, Value::Null),
        (3, Value::Null),
        (4, json!(102)),
        (5, json!(105)),
    ] {
        let reply = session.stream.message().await;
        assert_eq!(reply["id"], id);
        assert_eq!(reply["error"]["code"], code, "{reply}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_client_is_an_event_like_others() {
    let node = node().await;
    let mut events = node.listen("custom.chat.*").await;
    let mut session = Session::connect(&node, "POST http_stream", json!({})).await;
    let publish = json!({ "publish": { "channel": "chat:1", "data": [1, 2] }, "id": 2 });
    assert_eq!(
        session.command(&node, publish).await,
        json!({ "id": 2, "publish": {} })
    );
    let event = events.next().await;
    assert_eq!(event["type"], "custom.chat.published");
    assert_eq!(event["channel"], "chat:1");
    assert_eq!(event["data"], json!([1, 2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_tells_its_sessions() {
    let node = node().await;
    let mut emulated = Session::connect(&node, "GET sse", json!({})).await;
    let listening = node.request(Method::GET, "/connection/uni_http_stream");
    let mut listening = Stream::open(listening).await;
    assert!(listening.message().await["connect"].is_object());
    node.signal("TERM").await;
    let told = json!({ "disconnect": { "code": 3001, "reason": "shutdown" } });
    assert_eq!(emulated.stream.message().await, json!({ "push": told }));
    assert_eq!(emulated.stream.next().await, None);
    assert_eq!(listening.message().await, told);
    assert_eq!(listening.next().await, None);
    let (code, log) = node.ended().await;
    assert_eq!(code, 0, "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_no_ping_is_closed_and_who_only_listens_is_not_asked() {
    let impatient = CONFIGURATION.replace(
        "ping_interval = \"1h\"",
        "ping_interval = \"1s\"\npong_timeout = \"100ms\"",
    );
    let node = NodeProcess::start_again(configured(&impatient).0, &[]).await;
    let request = node.request(Method::GET, "/connection/uni_sse");
    let mut listening = Stream::open(request).await;
    assert_eq!(listening.message().await["connect"]["ping"], 1);
    let mut session = Session::connect(&node, "POST http_stream", json!({})).await;
    assert_eq!(session.connected["pong"], true);
    assert_eq!(session.stream.message().await, json!({}));
    let end = session.stream.message().await;
    assert_eq!(end["push"]["disconnect"]["code"], 3012);
    assert_eq!(session.stream.next().await, None);
    for _ in 0..3 {
        assert_eq!(listening.message().await, json!({}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_reads_is_closed() {
    let node = node().await;
    let mut ended = node.listen("session.disconnected").await;
    let address = node.url.trim_start_matches("http://");
    let mut client = TcpStream::connect(address).await.expect("it listens");
    let body = r#"{"connect":{},"id":1}"#;
    let request = format!(
        "POST /connection/http_stream HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    client
        .write_all(request.as_bytes())
        .await
        .expect("it takes the request");
    // All that it reads is that it is connected.
    let mut head = Vec::new();
    while !head.ends_with(b"}\n\r\n") {
        head.push(
            timeout(DEADLINE, client.read_u8())
                .await
                .expect("in time")
                .expect("a head"),
        );
    }
    let told = String::from_utf8(head).expect("UTF-8");
    let (_, reply) = told.split_once("{\"id\":1,").expect("a reply");
    let reply: Value = serde_json::from_str(&format!("{{{}", reply.trim_end())).expect("JSON");
    let connected = &reply["connect"];
    let id = connected["client"].as_str().expect("an id");
    let subscribe = r#"{"subscribe":{"channel":"chat:1"},"id":2}"#;
    emulate(&node, connected, subscribe).await;
    let large = json!({ "type": "said", "channel": "chat:1", "data": "x".repeat(200 << 10) });
    // More than sockets hold.
    let shown = format!("/v1/sessions/{id}");
    while node.get(&shown).await.status() == StatusCode::OK {
        node.publish(&large).await;
    }
    let end = ended.about("session.disconnected", id).await;
    assert_eq!(end["data"]["code"], 3008);
    // And the connection ends, however much of it was written.
    let rest = timeout(DEADLINE, client.read_to_end(&mut Vec::new())).await;
    let _ = rest.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_begins_a_stream_of_events_is_a_chunk_of_its_own() {
    let node = node().await;
    let address = node.url.trim_start_matches("http://");
    let mut client = TcpStream::connect(address).await.expect("it listens");
    let request = format!(
        "GET /connection/sse?cf_connect=%7B%22connect%22%3A%7B%7D%2C%22id%22%3A1%7D HTTP/1.1\r\n\
         host: {address}\r\n\r\n"
    );
    client
        .write_all(request.as_bytes())
        .await
        .expect("it takes the request");
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        let byte = timeout(DEADLINE, client.read_u8()).await;
        read.push(byte.expect("in time").expect("a head"));
    }
    let mut chunk = [0; 7];
    let begin = timeout(DEADLINE, client.read_exact(&mut chunk)).await;
    begin.expect("in time").expect("a chunk");
    assert_eq!(&chunk, b"2\r\n\r\n\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_protocol_is_answered_with_a_problem() {
    let node = node().await;
    let post = |path: &str, body: String| node.request(Method::POST, path).body(body);
    let large = "x".repeat((64 << 10) + 1);
    for (request, status) in [
        (post("/connection/http_stream", "hi".to_owned()), 400),
        (post("/connection/sse", large.clone()), 413),
        (post("/emulation", large), 413),
        (post("/emulation", "{\"session\":1}".to_owned()), 400),
        (node.request(Method::GET, "/connection/sse"), 400),
        (node.request(Method::PUT, "/connection/sse"), 405),
        (node.request(Method::GET, "/connection/websocket"), 426),
    ] {
        let refused = answer(request).await;
        assert_eq!(refused.status().as_u16(), status, "{}", refused.url());
        let problem: Value = refused.json().await.expect("JSON");
        assert_eq!(problem["status"], status);
    }
}
