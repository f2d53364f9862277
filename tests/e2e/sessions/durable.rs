//! Sessions on channels that are logs, and on what is published elsewhere.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::*;

/// Declared, and of a namespace.
const DURABLE: &str = r#"
[channels.orders]

[sessions.namespaces.log]
durable = true
allow_subscribe_for_client = true
allow_subscribe_for_anonymous = true
"#;

/// A node with such channels.
async fn node_with_logs() -> NodeProcess {
    let text = format!("{CONFIGURATION}{DURABLE}");
    NodeProcess::start_again(configured(&text).0, &[]).await
}

/// Appends the numbers up to `last` from `first` on, with data of so many bytes.
async fn append(api: &Api, channel: &str, first: u64, last: u64, bytes: usize) {
    let padding = "x".repeat(bytes);
    for number in first..=last {
        let event = json!({
            "type": "said", "channel": channel, "data": { "n": number, "padding": padding },
        });
        let stored = api.post(&event).await;
        assert_eq!(stored.status(), StatusCode::CREATED, "{channel}");
        let stored: Value = stored.json().await.expect("JSON");
        assert_eq!(stored["sequence"], number);
        assert!(stored["epoch"].is_string());
    }
}

/// Subscribes, from behind this position if there is one.
async fn subscribe(
    api: &Api,
    session: &mut Session,
    channel: &str,
    position: Option<(u64, &Value)>,
) -> Value {
    let mut request = json!({ "channel": channel });
    if let Some((offset, epoch)) = position {
        request = json!({
            "channel": channel, "recover": true, "offset": offset, "epoch": epoch,
        });
    }
    let command = json!({ "subscribe": request, "id": 2 });
    let reply = session.command(api, command).await;
    assert!(reply["error"].is_null(), "{reply}");
    reply["subscribe"].clone()
}

/// Checks that the publications with these numbers come next, each once and in order.
async fn expect(session: &mut Session, first: u64, last: u64) {
    for number in first..=last {
        let push = session.stream.message().await;
        let publication = &push["push"]["pub"];
        assert_eq!(publication["offset"], number, "{push}");
        assert_eq!(publication["data"]["n"], number);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_cut_off_for_long_gets_all() {
    let node = node_with_logs().await;
    for (way, channel) in EMULATED.into_iter().zip(["orders", "log:1", "log:2"]) {
        let mut session = Session::connect(&node, way, json!({})).await;
        let reply = subscribe(&node, &mut session, channel, None).await;
        assert_eq!(reply["recoverable"], true, "{reply}");
        append(&node, channel, 1, 2, 10).await;
        expect(&mut session, 1, 2).await;
        let id = session.id().to_owned();
        drop(session);
        until_gone(&node, &id).await;
        append(&node, channel, 3, 700, 10).await;
        let mut session = Session::connect(&node, way, json!({})).await;
        let position = Some((2, &reply["epoch"]));
        let again = subscribe(&node, &mut session, channel, position).await;
        assert_eq!(again["recovered"], true, "{way}: {again}");
        append(&node, channel, 701, 701, 10).await;
        expect(&mut session, 3, 701).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_slowly_gets_a_thousand_large_events() {
    const EVENTS: u64 = 1000;
    let node = node_with_logs().await;
    let mut slow = Session::connect(&node, "POST http_stream", json!({})).await;
    let mut fast = Session::connect(&node, "POST http_stream", json!({})).await;
    for session in [&mut slow, &mut fast] {
        subscribe(&node, session, "orders", None).await;
    }
    // More than sockets hold, and than may wait for a session.
    let append = append(&node, "orders", 1, EVENTS, 32 << 10);
    let both = async { tokio::join!(append, expect(&mut fast, 1, EVENTS)) };
    both.await;
    let shown = node.get(&format!("/v1/sessions/{}", slow.id())).await;
    let shown: Value = shown.json().await.expect("JSON");
    let queued = shown["queued"].as_u64().expect("bytes that wait");
    assert!(queued <= 128 << 10, "{queued} bytes are in memory");
    expect(&mut slow, 1, EVENTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_again_has_what_was_missed() {
    let node = node_with_logs().await;
    let mut session = Session::connect(&node, "POST http_stream", json!({})).await;
    let epoch = subscribe(&node, &mut session, "log:1", None).await["epoch"].clone();
    append(&node, "log:1", 1, 5, 10).await;
    expect(&mut session, 1, 5).await;
    let node = NodeProcess::start_again(node.killed().await, &[]).await;
    append(&node, "log:1", 6, 8, 10).await;
    let mut session = Session::connect(&node, "POST http_stream", json!({})).await;
    let again = subscribe(&node, &mut session, "log:1", Some((4, &epoch))).await;
    assert_eq!(again["recovered"], true, "{again}");
    expect(&mut session, 5, 8).await;
    // It is the namespace's still, so that sessions get what that allows.
    let names = node.get("/v1/channels").await.text().await.expect("text");
    assert!(names.contains("log:1"), "{names}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_trimmed_is_not_said_to_be_recovered() {
    let node = node_with_logs().await;
    append(&node, "orders", 1, 10, 10).await;
    let trimmed = node
        .hearken(&["channel", "trim", "orders", "--before", "6"])
        .await;
    assert_eq!(trimmed.code, 0, "{}", trimmed.stderr);
    let history = json!({ "history": { "channel": "orders" }, "id": 2 });
    let mut session = Session::connect(&node, "POST http_stream", json!({})).await;
    let epoch = session.command(&node, history).await["history"]["epoch"].clone();
    for (offset, is_recovered) in [(4, false), (5, true)] {
        let mut session = Session::connect(&node, "POST http_stream", json!({})).await;
        let reply = subscribe(&node, &mut session, "orders", Some((offset, &epoch))).await;
        let told = reply["recovered"].as_bool().unwrap_or_default();
        assert_eq!(told, is_recovered, "{reply}");
        if is_recovered {
            expect(&mut session, 6, 10).await;
        } else {
            assert_eq!(reply["offset"], 10);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_come_back_at_once_each_get_all() {
    let node = node_with_logs().await;
    append(&node, "orders", 1, 300, 1 << 10).await;
    let mut sessions = Vec::new();
    for _ in 0..40 {
        let session = Session::connect(&node, "POST http_stream", json!({})).await;
        sessions.push(session);
    }
    let mut all = JoinSet::new();
    for mut session in sessions {
        let api = Api::new(node.url.clone());
        all.spawn(async move {
            let begin = json!("");
            let reply = subscribe(&api, &mut session, "orders", Some((0, &begin))).await;
            assert_eq!(reply["recovered"], true, "{reply}");
            expect(&mut session, 1, 301).await;
        });
    }
    append(&node, "orders", 301, 301, 10).await;
    while let Some(one) = all.join_next().await {
        one.expect("it gets all");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_a_thing_is_shown_what_happens_and_can_be_sent_a_message() {
    let node = node_with_logs().await;
    let mut session = Session::connect(&node, "POST http_stream", json!({})).await;
    subscribe(&node, &mut session, "subject:ORDER-7", None).await;
    for (subject, data) in [("ORDER-8", 1), ("ORDER-7", 2)] {
        let event = json!({ "type": "shop.paid", "subject": subject, "data": data });
        node.publish(&event).await;
    }
    let push = session.stream.message().await["push"].clone();
    assert_eq!(push["channel"], "subject:ORDER-7");
    assert_eq!(push["pub"]["data"], 2);
    let tags = json!({ "type": "custom.shop.paid", "subject": "ORDER-7" });
    assert_eq!(push["pub"]["tags"], tags);
    let sent = node
        .hearken(&["sessions", "send", "--subject", "ORDER-7", "--data", "[3]"])
        .await;
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    let push = session.stream.message().await["push"].clone();
    assert_eq!(push["message"]["data"], json!([3]));
    let denied = json!({ "type": "x", "channel": "subject:ORDER-7" });
    assert_eq!(node.post(&denied).await.status(), StatusCode::CONFLICT);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_publish_to_logs_and_read_them() {
    let node = node_with_logs().await;
    let call = async |method: &str, body: Value| {
        let request = node
            .request(Method::POST, &format!("/api/{method}"))
            .header("x-api-key", SERVER_KEY)
            .json(&body);
        answer(request).await.json::<Value>().await.expect("JSON")
    };
    let publish = json!({
        "channel": "log:1", "data": { "n": 1 }, "idempotency_key": "k", "tags": { "of": "cent" },
    });
    let first = call("publish", publish.clone()).await["result"].clone();
    assert_eq!(first["offset"], 1);
    assert_eq!(call("publish", publish).await["result"], first);
    let broadcast = json!({ "channels": ["log:1", "orders", "chat:1"], "data": { "n": 2 } });
    let responses = call("broadcast", broadcast).await["result"]["responses"].clone();
    let offsets = [0, 1, 2].map(|at| responses[at]["result"]["offset"].clone());
    assert_eq!(offsets, [json!(2), json!(1), json!(1)]);
    let history = json!({ "channel": "log:1", "limit": 10, "reverse": true });
    let page = call("history", history).await["result"].clone();
    assert_eq!(
        (&page["offset"], &page["epoch"]),
        (&json!(2), &first["epoch"])
    );
    assert_eq!(page["publications"][1]["data"], json!({ "n": 1 }));
    assert_eq!(page["publications"][1]["tags"]["of"], "cent");
    let presence = call("presence", json!({ "channel": "log:1" })).await;
    assert_eq!(presence["error"]["code"], 108);
    let denied = json!({ "channel": "subject:x", "data": 1 });
    assert_eq!(call("publish", denied).await["error"]["code"], 103);
    assert!(call("history_remove", json!({ "channel": "log:1" })).await["result"].is_object());
    let page = call("history", json!({ "channel": "log:1", "limit": 10 })).await;
    assert_eq!(page["result"]["publications"], json!([]));
    assert_eq!(page["result"]["offset"], 2);
}
