//! What is published arrives: in order, once, filtered as asked, and what does
//! not fit is dropped by the rule and reported.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::events::Events;
use crate::support::languages::{Language, all_hold, in_each_language, one_of_each};
use crate::support::node::TestNode;
use crate::support::plugin::{Plugin, plugin};

const PUBLISHERS: u64 = 8;
const EVENTS_EACH: u64 = 100;

fn recorder(language: Language, name: &str, manifest: &str) -> Plugin {
    let recorder = language.guest("recorder");
    recorder.named(name).manifest(manifest)
}

/// Reads all that was published and checks that each publisher's events came
/// complete and in the order published. `of` finds the data that was published.
async fn in_order(mut events: Events, of: impl Fn(&Value) -> &Value) {
    let mut next = [0; PUBLISHERS as usize];
    for _ in 0..PUBLISHERS * EVENTS_EACH {
        let event = events.next().await;
        let [publisher, number] = [&of(&event)[0], &of(&event)[1]].map(|part| part.as_u64());
        let publisher = usize::try_from(publisher.expect("a publisher")).expect("a small number");
        assert_eq!(number, Some(next[publisher]), "of publisher {publisher}");
        next[publisher] += 1;
    }
    assert_eq!(next, [EVENTS_EACH; PUBLISHERS as usize]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_publisher_s_events_reach_every_receiver_in_order() {
    let node = TestNode::start(one_of_each("recorder", "subscribe = [\"custom.fifo\"]")).await;
    let stream = node.listen("custom.fifo").await;
    let publish = |publisher| {
        let api = crate::support::api::Api::new(node.url.clone());
        async move {
            for number in 0..EVENTS_EACH {
                api.send("fifo", json!([publisher, number])).await;
            }
        }
    };
    let mut records = Vec::new();
    for language in Language::ALL {
        // Its own subject stands in the source of what a plugin publishes.
        let source = format!("/nodes/test/plugins/{}", language.name());
        records.push((
            language,
            node.listen("custom.recorded.custom.fifo")
                .await
                .from(&source),
        ));
    }
    let recorded = records.into_iter().map(|(language, records)| {
        let in_order = in_order(records, |event| &event["data"]["data"]);
        (language, in_order)
    });
    tokio::join!(
        join_all((0..PUBLISHERS).map(publish)),
        in_order(stream, |event| &event["data"]),
        all_hold(recorded),
    );
}

/// Publishes 0 to 11 to a paused plugin whose mailbox holds 5 events, and returns
/// those that it gets when it is resumed.
async fn overflow(language: Language, rule: &str) -> Vec<u64> {
    let manifest =
        format!("subscribe = [\"custom.n\"]\n[limits]\nmailbox = 5\noverflow = \"{rule}\"\n");
    let node = TestNode::start([recorder(language, "slow", &manifest)]).await;
    let mut records = node.listen("custom.recorded.custom.n").await;
    let mut reports = node.listen("plugin.overflowed").await;
    node.succeed("slow", "pause").await;
    // With one request: on several connections they would be several publishers', of which
    // each keeps its share.
    let event = |number: u64| {
        json!({
            "specversion": "1.0",
            "id": number.to_string(),
            "source": "/tests",
            "type": "n",
            "datacontenttype": "application/json",
            "data": number,
        })
    };
    node.publish_all((0..12).map(event)).await;
    let status = node.status("slow").await.expect("it is there");
    assert_eq!((status.counters.queued, status.counters.dropped), (5, 7));
    let (mut reported, mut total) = (0, Value::Null);
    while reported < 7 {
        let report = reports.about("plugin.overflowed", "slow").await;
        reported += report["data"]["dropped"].as_u64().expect("a number");
        total = report["data"]["total"].clone();
    }
    assert_eq!((reported, total), (7, json!(7)), "each drop is told once");
    node.succeed("slow", "resume").await;
    let records = records.take(5).await;
    records
        .iter()
        .map(|record| record["data"]["data"].as_u64().expect("a number"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
pub async fn drop_oldest_keeps_the_newest_and_tells() {
    in_each_language(async |language| {
        assert_eq!(overflow(language, "drop-oldest").await, [7, 8, 9, 10, 11]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drop_newest_keeps_the_oldest_and_tells() {
    in_each_language(async |language| {
        assert_eq!(overflow(language, "drop-newest").await, [0, 1, 2, 3, 4]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mailboxes_are_bounded_in_bytes() {
    in_each_language(async |language| {
        const EVENT_BYTES: usize = 900 << 10;
        let node =
            TestNode::start([recorder(language, "slow", "subscribe = [\"custom.big\"]")]).await;
        node.succeed("slow", "pause").await;
        for _ in 0..12 {
            node.send("big", "x".repeat(EVENT_BYTES)).await;
        }
        let status = node.status("slow").await.expect("it is there");
        assert_eq!(status.counters.queued + status.counters.dropped, 12);
        assert_eq!(status.counters.queued, (8 << 20) / EVENT_BYTES as u64);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_waits_for_no_listener() {
    let sleeper = plugin("sleeper").manifest("[limits]\ndeadline = \"1h\"\nmailbox = 10\n");
    let node = TestNode::start([sleeper]).await;
    let mut stream = node.listen("custom.sleeper.*").await;
    node.send("sleeper.clock", "first").await;
    assert_eq!(stream.next().await["data"], "first");
    node.until("sleeper", |status| status.counters.queued == 1)
        .await;
    for number in 0..50 {
        node.send("sleeper.clock", number).await;
        assert_eq!(stream.next().await["data"], number);
    }
    let status = node.status("sleeper").await.expect("it is there");
    assert_eq!(status.counters.delivered, 0, "it still sleeps on the first");
    assert_eq!(
        (status.counters.queued, status.counters.dropped),
        (11, 40),
        "ten wait, and one is in hand"
    );
}

#[tokio::test(flavor = "multi_thread")]
pub async fn nobody_forges_host_events() {
    in_each_language(async |language| {
        let node = TestNode::start([language.guest("echo")]).await;
        let mut custom = node.listen("custom.*").await;
        let mut host = node.listen("{plugin,record,cluster}.*").await;
        node.send("plugin.failed", 1).await;
        node.send("custom.plugin.failed", 2).await;
        // Nor does a plugin: the echo sends what it is told to.
        node.ask("question", "plugin.failed", 3).await;
        let mut seen: Vec<(Value, Value)> = Vec::new();
        for event in custom.take(4).await {
            seen.push((event["type"].clone(), event["data"].clone()));
        }
        // The answer may be here before what it answers: they are of two publishers.
        seen[2..].sort_by_key(|(event_type, _)| event_type.to_string());
        let expected = [
            ("custom.plugin.failed", 1),
            ("custom.plugin.failed", 2),
            ("custom.plugin.failed", 3),
            ("custom.question", 3),
        ];
        assert_eq!(
            seen,
            expected.map(|(name, data)| (json!(name), json!(data)))
        );
        node.succeed("echo", "reload").await;
        let first = host.next().await;
        assert_eq!(
            first["type"], "plugin.reloaded",
            "the only one is the host's"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_filtered_by_subject_and_origin() {
    let node = TestNode::start([]).await;
    let mut stream = node
        .listen_with(&[
            ("type", "custom.{cart,order}.*"),
            ("subject", "7"),
            ("local_only", "true"),
        ])
        .await;
    for (event_type, subject) in [
        ("cart.added", "6"),
        ("cart.added", "7"),
        ("wishlist.added", "7"),
        ("order.paid", "77"),
        ("order.paid", "7"),
    ] {
        node.publish(&json!({ "type": event_type, "subject": subject }))
            .await;
    }
    node.publish(&json!({ "type": "order.sent" })).await;
    node.publish(&json!({ "type": "order.done", "subject": "7" }))
        .await;
    for event_type in [
        "custom.cart.added",
        "custom.order.paid",
        "custom.order.done",
    ] {
        let event = stream.next().await;
        assert_eq!(
            (&event["type"], &event["subject"]),
            (&json!(event_type), &json!("7"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_carries_what_the_publisher_and_the_node_gave() {
    let node = TestNode::start([]).await;
    let mut stream = node.listen("*").await;
    let id = node
        .publish(&json!({
            "type": "cart.added", "subject": "cart-7", "data": { "n": 1.50 }, "distributed": true
        }))
        .await;
    let event = stream.next().await;
    let time = event["time"].as_str().expect("a time");
    assert_eq!(time.len(), "2026-01-31T12:00:00.000Z".len(), "{time}");
    assert_eq!(
        event,
        json!({
            "specversion": "1.0",
            "id": id,
            "source": "/nodes/test/clients/anonymous",
            "type": "custom.cart.added",
            "subject": "cart-7",
            "time": time,
            "recordedtime": time,
            "datacontenttype": "application/json",
            "distributed": true,
            "origin": "test",
            "localorigin": true,
            "data": { "n": 1.50 },
        })
    );
    node.publish(&json!({ "type": "plain" })).await;
    let event = stream.next().await;
    assert_eq!(event["distributed"], false);
    assert!(event.get("data").is_none() && event.get("subject").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_hand_the_trace_context_on() {
    in_each_language(async |language| {
        const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let node = TestNode::start([recorder(
            language,
            "recorder",
            "subscribe = [\"custom.traced\"]",
        )])
        .await;
        let mut records = node.listen("custom.recorded.*").await;
        let request = node
            .request(reqwest::Method::POST, "/v1/events")
            .header("traceparent", TRACE)
            .json(&json!({ "type": "traced" }));
        assert_eq!(crate::support::api::answer(request).await.status(), 202);
        let parent = records.next().await["traceparent"].clone();
        let parent = parent.as_str().expect("a trace context");
        assert_eq!(parent[..35], TRACE[..35], "the same trace");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_plugin_says_only_what_it_may() {
    let node = TestNode::start([plugin("claims")]).await;
    let mut claimed = node.listen("custom.claimed").await;
    let mut reports = node.listen("custom.report.claims").await;
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    for (claims, expected) in [
        (json!({ "time": "yesterday" }), "not a time of RFC 3339"),
        (
            json!({ "extensions": [["a", "1"], ["b", "2"], ["a", "3"]] }),
            "more than once",
        ),
        (
            json!({ "extensions": [["user", "42"]] }),
            "only the node sets",
        ),
        (
            json!({ "extensions": [["deadreason", "x"]] }),
            "only the node sets",
        ),
        (
            json!({ "extensions": [["recordedtime", "x"]] }),
            "only the node sets",
        ),
        (json!({ "extensions": [["a", "\u{9b}"]] }), "U+009B"),
        (json!({ "data": deep }), "deeper than 100 levels"),
    ] {
        node.send("claims.bad", claims).await;
        let report = reports.next().await["data"].clone();
        let error = report["error"].as_str().expect("it is refused");
        assert!(error.starts_with("SendError::Invalid("), "{error}");
        assert!(error.contains(expected), "`{expected}` is not in: {error}");
    }
    let time = "2018-04-05T17:31:00.5+02:00";
    let extensions = json!([["sequence", "0001"], ["sequencetype", "Integer"]]);
    let claims = json!({ "time": time, "extensions": extensions, "data": "[1]" });
    node.send("claims.good", claims).await;
    assert_eq!(reports.next().await["data"]["error"], Value::Null);
    let event = claimed.next().await;
    assert_eq!(
        (&event["time"], &event["data"]),
        (&json!(time), &json!([1]))
    );
    assert_eq!(
        (&event["sequence"], &event["sequencetype"]),
        (&json!("0001"), &json!("Integer"))
    );
    assert_ne!(event["recordedtime"], time);
}
