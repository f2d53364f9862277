//! The gallery's plugins do their jobs with the manifests that they come with.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::sessions::{Session, configured, emulate};
use crate::support::DEADLINE;
use crate::support::engines;
use crate::support::events::Events;
use crate::support::guests::gallery_folder;
use crate::support::node::TestNode;
use crate::support::plugin::{gallery, place};
use crate::support::process::NodeProcess;

#[tokio::test(flavor = "multi_thread")]
async fn audit_log() {
    let node = TestNode::start([gallery("audit-log")]).await;
    let mut records = node.listen("record.*").await;
    node.publish(&json!({ "type": "order.paid", "subject": "order-7" }))
        .await;
    // It has audited its own start already.
    let line = records
        .until(|event| event["subject"] == "line-000001")
        .await;
    assert_eq!(line["data"]["bucket"], "audit");
    assert_eq!(line["data"]["plugin"], "audit-log");
    let status = node
        .until("audit-log", |status| status.counters.delivered == 2)
        .await;
    assert_eq!(status.counters.failed, 0, "{:?}", status.last_error);
}

#[tokio::test(flavor = "multi_thread")]
async fn cache() {
    let node = TestNode::start([gallery("cache")]).await;
    let mut values = node.listen("custom.cache.value").await;
    let about = |event_type: &str, data: Value| json!({ "type": event_type, "subject": "greeting", "data": data });
    node.publish(&about("cache.put", json!("good day"))).await;
    let request = node.publish(&about("cache.get", Value::Null)).await;
    let value = values.next().await;
    assert_eq!(value["subject"], "greeting");
    assert_eq!(
        value["data"],
        json!({ "request": request, "found": true, "value": "good day" })
    );
    node.publish(&json!({
        "type": "cache.invalidate", "subject": "greeting", "distributed": true
    }))
    .await;
    node.publish(&about("cache.get", Value::Null)).await;
    assert_eq!(values.next().await["data"]["found"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn chat() {
    let configuration = "[sessions]\nanonymous = true\nping_interval = \"1h\"\n";
    let (folder, _) = configured(configuration);
    gallery("chat").place(&folder.path().join("plugins"));
    let node = NodeProcess::start_again(folder, &[]).await;
    let way = "POST http_stream";
    let mut ada = Session::connect(&node, way, json!({})).await;
    let subscribe = json!({ "subscribe": { "channel": "chat:lobby" }, "id": 2 });
    let entered = ada.command(&node, subscribe.clone()).await;
    assert_eq!(
        entered["subscribe"]["data"],
        json!({ "here": 0 }),
        "{entered}"
    );
    let mut bob = Session::connect(&node, way, json!({})).await;
    let entered = bob.command(&node, subscribe).await;
    assert_eq!(
        entered["subscribe"]["data"],
        json!({ "here": 1 }),
        "{entered}"
    );

    let say = |text: &str| {
        let data = json!({ "name": "Bob", "text": text });
        json!({ "publish": { "channel": "chat:lobby", "data": data }, "id": 3 })
    };
    emulate(&node, &bob.connected, &say("  hi  ").to_string()).await;
    let said = async |session: &mut Session| {
        loop {
            let message = session.stream.message().await;
            if message["push"]["pub"].is_object() {
                return message["push"]["pub"]["data"].clone();
            }
        }
    };
    assert_eq!(said(&mut ada).await, json!({ "name": "Bob", "text": "hi" }));
    emulate(&node, &bob.connected, &say("/last").to_string()).await;
    let told = async {
        loop {
            let message = bob.stream.message().await;
            if message["push"]["message"].is_object() {
                return message["push"]["message"]["data"]["text"].clone();
            }
        }
    };
    assert_eq!(told.await, "last spoke: Bob");
    emulate(&node, &ada.connected, &say("bye").to_string()).await;
    assert_eq!(
        said(&mut ada).await["text"],
        "bye",
        "commands are nobody's business"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn job_trigger() {
    let node = TestNode::start([gallery("job-trigger")]).await;
    let mut jobs = node.listen("custom.{invoice,mail}.*").await;
    let id = node
        .publish(&json!({ "type": "order.paid", "subject": "order-7", "data": { "total": 42 } }))
        .await;
    let invoice = jobs.next().await;
    assert_eq!(invoice["type"], "custom.invoice.create");
    assert_eq!(invoice["subject"], "order-7");
    assert_eq!(invoice["data"], json!({ "total": 42 }));
    assert_eq!(invoice["startedby"], *id);
    let mail = jobs.next().await;
    assert_eq!(mail["type"], "custom.mail.send");
    assert_eq!(mail["startedby"], invoice["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_alarm() {
    let node = TestNode::start([gallery("rate-alarm")]).await;
    let mut alarms = node.listen("custom.rate.alarm").await;
    let mut last = String::new();
    for number in 0..101 {
        last = node
            .publish(&json!({ "type": "login.failed", "subject": "ann", "data": number }))
            .await;
    }
    let alarm = alarms.next().await;
    assert_eq!(alarm["subject"], "ann");
    assert_eq!(alarm["data"]["event"], *last);
    assert_eq!(alarm["data"]["type"], "custom.login.failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_check() {
    let node = TestNode::start([gallery("schema-check")]).await;
    let mut rejections = node.listen("custom.schema.rejected").await;
    node.send("order.created", json!({ "order": "7", "total": 1 }))
        .await;
    let bad = node
        .send("order.created", json!({ "order": "7", "total": -1 }))
        .await;
    let rejection = rejections.next().await;
    assert_eq!(rejection["data"]["event"], *bad);
    assert_eq!(rejection["data"]["problems"][0]["at"], "/total");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_log_that_fails_does_not_feed_itself() {
    // Without its manifest it may not write what it is to keep.
    let node = TestNode::start([gallery("audit-log").manifest("")]).await;
    let mut failures = node.listen("plugin.failed").await;
    let id = node.publish(&json!({ "type": "order.paid" })).await;
    let about_the_order = |event: &Value| event["data"]["event"] == *id;
    failures.until(about_the_order).await;
    // Of what comes after the report of that failure nothing is a report of another.
    let last = node.publish(&json!({ "type": "order.sent" })).await;
    let next = failures.next().await;
    assert_eq!(next["data"]["event"], *last, "{next}");
    let status = node.status("audit-log").await.expect("it is there");
    assert!(status.counters.failed < 10, "{status:?}");
}

/// A request that an endpoint was sent.
type Posted = (HeaderMap, String);

/// An endpoint that fails at the first attempt and takes the second.
async fn endpoint() -> (String, mpsc::Receiver<Posted>, AbortOnDropHandle<()>) {
    let (sender, posted) = mpsc::channel(8);
    let take = async |State(sender): State<mpsc::Sender<Posted>>, headers, body| {
        let first = sender.capacity() == sender.max_capacity();
        sender.send((headers, body)).await.expect("the test reads");
        if first {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::NO_CONTENT
        }
    };
    let router = Router::new().route("/", post(take)).with_state(sender);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let serving = tokio::spawn(async move {
        axum::serve(listener, router).await.expect("it serves");
    });
    let authority = format!("127.0.0.1:{port}");
    (authority, posted, AbortOnDropHandle::new(serving))
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook() {
    let (authority, mut posted, _serving) = endpoint().await;
    let shipped = gallery_folder().join("webhook.toml");
    let shipped = std::fs::read_to_string(shipped).expect("it is shipped");
    let manifest = shipped.replace("localhost:9000", &authority);
    assert_ne!(manifest, shipped, "as an operator changes it");
    let node = TestNode::start([gallery("webhook").manifest(&manifest)]).await;
    let id = node.send("webhook.test", json!({ "hello": "world" })).await;
    // Taken out only after both attempts, so that the endpoint can tell them apart.
    node.until("webhook", |status| status.counters.delivered == 1)
        .await;
    let status = node.status("webhook").await.expect("it is there");
    assert_eq!(status.counters.failed, 0, "{:?}", status.last_error);
    for _ in 0..2 {
        let (headers, body) = tokio::time::timeout(DEADLINE, posted.recv())
            .await
            .expect("it is posted")
            .expect("the endpoint is there");
        assert_eq!(headers["ce-id"], *id);
        assert_eq!(headers["ce-type"], "custom.webhook.test");
        assert_eq!(body, r#"{"hello":"world"}"#);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_posts_for_as_long_as_it_runs() {
    /// More than the handles that an instance may have.
    const EVENTS: u64 = 600;
    let take = async |_body: String| StatusCode::NO_CONTENT;
    let router = Router::new().route("/", post(take));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let _serving = AbortOnDropHandle::new(tokio::spawn(async move {
        axum::serve(listener, router).await.expect("it serves");
    }));
    let manifest = format!(
        "[allow]\nhttp = [\"127.0.0.1:{port}\"]\n\
         [config]\nurl = \"http://127.0.0.1:{port}/\"\nattempts = \"1\"\n"
    );
    let node = TestNode::start([gallery("webhook").manifest(&manifest)]).await;
    for number in 0..EVENTS {
        node.send("webhook.test", number).await;
    }
    let status = node
        .until("webhook", |status| status.counters.delivered == EVENTS)
        .await;
    assert_eq!(status.counters.failed, 0, "{:?}", status.last_error);
    assert_eq!(status.counters.restarts, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_says_that_its_host_is_not_allowed_and_tries_once() {
    let manifest = "[allow]\nhttp = [\"localhost:9000\"]\n\
                    [config]\nurl = \"http://localhost:9999/\"\n";
    let node = TestNode::start([gallery("webhook").manifest(manifest)]).await;
    let mut failures = node.listen("plugin.failed").await;
    for data in [
        json!({ "hello": "world" }),
        json!("x".repeat(500_000)),
        Value::Null,
    ] {
        node.send("webhook.test", data).await;
        let failed = failures.next().await;
        let reason = failed["data"]["reason"].as_str().expect("a reason");
        assert!(reason.contains("its host is not allowed"), "{reason}");
        assert!(!reason.contains("times"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_at_once() {
    let names = [
        "audit-log",
        "cache",
        "chat",
        "job-trigger",
        "rate-alarm",
        "schema-check",
        "webhook",
    ];
    let node = TestNode::start(names.map(gallery)).await;
    for name in names {
        let status = node.status(name).await.expect("it is there");
        assert_eq!(status.last_error, None, "{name}");
        // The chat hears of nothing but what sessions ask.
        let hears = !status.listeners.is_empty();
        assert!(
            status.version.is_some() && hears == (name != "chat"),
            "{name}"
        );
    }
}

/// The gallery's plugin that is a text of this name, with its manifest, on a node.
async fn with_text(name: &str, file: &str) -> (TestNode, Events) {
    let folder = gallery_folder();
    let read = |file: &str| std::fs::read(folder.join(file)).expect("it is shipped");
    let node = TestNode::start_in(engines::folders().await).await;
    let mut reports = node.listen("plugin.*").await;
    let manifest = format!("{name}.toml");
    place(&node.plugins(), &manifest, &read(&manifest));
    place(&node.plugins(), file, &read(file));
    reports.about("plugin.started", name).await;
    (node, reports)
}

#[tokio::test(flavor = "multi_thread")]
async fn changes() {
    let (node, _reports) = with_text("changes", "changes.js").await;
    let mut changed = node.listen("custom.sensor.changed").await;
    for value in [20.0, 20.4, 21.0, 21.2] {
        let read =
            json!({ "type": "sensor.read", "subject": "cellar", "data": { "value": value } });
        node.publish(&read).await;
    }
    assert_eq!(
        changed.next().await["data"],
        json!({ "value": 20, "before": null })
    );
    assert_eq!(
        changed.next().await["data"],
        json!({ "value": 21, "before": 20 })
    );
    node.publish(&json!({ "type": "sensor.read", "subject": "attic", "data": { "value": 1 } }))
        .await;
    assert_eq!(changed.next().await["subject"], "attic");
}

#[tokio::test(flavor = "multi_thread")]
async fn restock() {
    let (node, _reports) = with_text("restock", "restock.ts").await;
    let mut low = node.listen("custom.stock.low").await;
    for (event_type, quantity) in [("added", 70), ("removed", 20), ("added", 49), ("added", 2)] {
        node.publish(&json!({
            "type": format!("cart.{event_type}"),
            "subject": "soap",
            "data": { "quantity": quantity },
        }))
        .await;
    }
    let event = low.next().await;
    assert_eq!(
        (&event["subject"], &event["data"]),
        (&json!("soap"), &json!({ "quantity": 101 }))
    );
}
