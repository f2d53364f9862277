//! Which events cross from node to node, and how they arrive.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::api::answer;
use crate::support::cluster::three;
use crate::support::load::{Load, all, numbers};
use crate::support::process::run;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn distributed(event_type: &str, data: impl Into<Value>) -> Value {
    json!({ "type": event_type, "data": data.into(), "distributed": true })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_reaches_every_node_once_and_in_order() {
    const EACH: u64 = 100;
    let nodes = three(&[]).await;
    let mut collected = Vec::new();
    for node in &nodes {
        collected.push(node.listen("custom.load").await.gather());
    }
    let names = ["a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2", "c3"];
    join_all(names.iter().enumerate().map(async |(at, name)| {
        let mut load = Load::new(&nodes[at / 3], name, "load");
        for _ in 0..EACH / 5 {
            load.publish(5).await;
        }
    }))
    .await;
    let expected = all(names.map(|name| (name, EACH)));
    for (node, collected) in ["a", "b", "c"].iter().zip(&collected) {
        let events = collected.until_count(names.len() * EACH as usize).await;
        assert_eq!(numbers(&events), expected, "on {node}");
        for event in &events {
            let source = event["source"].as_str().expect("a source");
            let origin = &source["/load/".len()..][..1];
            assert_eq!(event["origin"], origin, "{event}");
            assert_eq!(event["localorigin"], *node == origin, "{event}");
            assert_eq!(event["distributed"], true);
        }
    }
    for node in &nodes {
        for other in node.nodes().await {
            if let Some(link) = other.link {
                assert_eq!((link.dropped, link.gaps), (0, 0));
                assert!(
                    link.received >= 3 * EACH && link.sent >= 3 * EACH,
                    "{link:?}"
                );
            }
        }
    }
    // Nothing came late, or twice.
    for collected in &collected {
        assert_eq!(collected.count(), names.len() * EACH as usize);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_events_stay_on_their_node() {
    let [a, b, c] = three(&[]).await;
    let mut on_b = b.listen("custom.visit.*").await;
    let mut on_c = c.listen("custom.visit.*").await;
    a.send("visit.local", 1).await;
    a.publish(&json!({ "type": "visit.told-so", "distributed": false }))
        .await;
    a.publish(&distributed("visit.everywhere", 2)).await;
    for events in [&mut on_b, &mut on_c] {
        let first = events.next().await;
        assert_eq!(first["type"], "custom.visit.everywhere");
        assert_eq!(
            (&first["origin"], &first["localorigin"]),
            (&"a".into(), &false.into())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_to_local_events_hear_no_other_node() {
    let [a, b, _c] = three(&[]).await;
    let mut all = b.listen("custom.visit").await;
    let mut local = b
        .listen_with(&[("type", "custom.visit"), ("local_only", "true")])
        .await;
    a.publish(&distributed("visit", "from a")).await;
    assert_eq!(all.next().await["data"], "from a");
    b.publish(&distributed("visit", "from b")).await;
    let event = local.next().await;
    assert_eq!(
        (&event["data"], &event["localorigin"]),
        (&"from b".into(), &true.into())
    );
    assert_eq!(all.next().await["data"], "from b");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_wanted_is_sent() {
    let [a, b, _c] = three(&[]).await;
    let mut wanted = b
        .listen_with(&[("type", "custom.order"), ("subject", "7")])
        .await;
    let order = |subject: &str, data: u64| json!({ "type": "order", "subject": subject, "data": data, "distributed": true });
    for number in 0..20 {
        a.publish(&order("8", number)).await;
        a.publish(&distributed("other", number)).await;
    }
    a.publish(&order("7", 1)).await;
    assert_eq!(wanted.next().await["data"], 1);
    let to_b = a.until_link("b", |link| link.sent > 0).await;
    assert_eq!(to_b.sent, 1, "{to_b:?}");
    let to_c = a.until_link("c", |_| true).await;
    assert_eq!(to_c.sent, 0, "nobody there wants anything: {to_c:?}");

    // What nobody wants any more is not sent any more.
    drop(wanted);
    b.receivers("stream", 0).await;
    let mut another = b.listen("custom.last").await;
    a.publish(&order("7", 2)).await;
    a.publish(&distributed("last", 3)).await;
    assert_eq!(another.next().await["data"], 3);
    assert_eq!(a.until_link("b", |_| true).await.sent, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiters_see_events_of_any_node() {
    let [a, b, c] = three(&[]).await;
    for (from, name) in [(&a, "a"), (&c, "c")] {
        let waiting = tokio::spawn(run(b.command(&[
            "wait",
            "custom.done",
            "--timeout",
            "60s",
            "--json",
        ])));
        b.receivers("waiter", 1).await;
        // Answers when the others know what is wanted here, the waiter's wish too.
        let _stream = b.listen("custom.unrelated").await;
        from.publish(&distributed("done", name)).await;
        let waited = waiting.await.expect("it does not panic");
        assert_eq!(waited.code, 0, "{waited:?}");
        let event: Value = serde_json::from_str(&waited.stdout).expect("JSON");
        assert_eq!(
            (&event["origin"], &event["data"]),
            (&name.into(), &name.into())
        );
        b.receivers("waiter", 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_sends_and_hears_across_nodes() {
    let [a, b, _c] = three(&[]).await;
    let listening = tokio::spawn(run(b.command(&[
        "listen",
        "custom.hello.*",
        "--count",
        "1",
        "--json",
    ])));
    b.receivers("stream", 1).await;
    let _stream = b.listen("custom.unrelated").await;
    let sent = a.hearken(&["send", "hello.cluster", "--distributed"]).await;
    assert_eq!(sent.code, 0, "{sent:?}");
    let heard = listening.await.expect("it does not panic");
    let event: Value = serde_json::from_str(&heard.stdout).expect("JSON");
    assert_eq!(
        (&event["id"], &event["origin"]),
        (&sent.stdout.trim_end().into(), &"a".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_cross_unchanged() {
    let [a, b, _c] = three(&[]).await;
    let mut here = a.listen("custom.traced").await;
    let mut there = b.listen("custom.traced").await;
    let request = a
        .request(reqwest::Method::POST, "/v1/events")
        .header("ce-specversion", "1.0")
        .header("ce-id", "the-id")
        .header("ce-source", "/tests")
        .header("ce-type", "traced")
        .header("ce-subject", "a subject")
        .header("ce-distributed", "true")
        .header("ce-replyto", "custom.answer")
        .header("ce-time", "2018-04-05T17:31:00.5%2B02:00")
        .header("ce-sequence", "0001")
        .header("traceparent", TRACE)
        .header("content-type", "application/octet-stream")
        .body(vec![0, 255, 128]);
    let response = answer(request).await;
    assert_eq!(response.status(), reqwest::StatusCode::ACCEPTED);
    let (here, mut there) = (here.next().await, there.next().await);
    assert_eq!(there["traceparent"], TRACE);
    assert_eq!(there["time"], "2018-04-05T17:31:00.5+02:00");
    assert_eq!(there["sequence"], "0001");
    assert_eq!(there["data_base64"], "AP+A");
    assert_eq!(there["localorigin"], false);
    there["localorigin"] = true.into();
    assert_eq!(there, here);
}
