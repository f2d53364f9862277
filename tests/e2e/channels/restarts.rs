//! A node that is stopped and started again.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{all, append, make, sequences, stored};
use crate::support::api::answer;
use crate::support::events::Events;
use crate::support::process::NodeProcess;

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_as_it_was_after_a_restart() {
    let node = NodeProcess::start([], &[]).await;
    let settings = json!({
        "max_events": 1000, "keep_unread": ["client:me"], "dedupe": "1h",
        "indexes": {"by-id": "id"},
    });
    let before = make(&node, "orders", settings).await;
    for id in ["a", "b", "c"] {
        stored(answer(append(&node, "orders", id)).await).await;
    }
    let cursor = node.request(Method::PUT, "/v1/channels/orders/cursors/me");
    let cursor = answer(cursor.json(&json!({"after": 2}))).await;
    assert_eq!(cursor.status(), StatusCode::CREATED);

    let folder = node.stopped().await;
    let node = NodeProcess::start_again(folder, &[]).await;
    let response = node.get("/v1/channels/orders").await;
    let after: Value = response.json().await.expect("a channel");
    assert_eq!(after["epoch"], before["epoch"]);
    assert_eq!(after["settings"], before["settings"]);
    assert_eq!((&after["first"], &after["last"]), (&json!(1), &json!(3)));
    assert_eq!(after["cursors"][0]["after"], 2);
    let again = stored(answer(append(&node, "orders", "b")).await).await;
    assert_eq!(
        (&again["sequence"], &again["duplicate"]),
        (&json!(2), &json!(true))
    );
    let new = stored(answer(append(&node, "orders", "d")).await).await;
    assert_eq!(new["sequence"], 4);
    assert_eq!(sequences(&all(&node, "orders").await), [1, 2, 3, 4]);
    let found = node.get("/v1/channels/orders/indexes/by-id/c").await;
    let found: Value = found.json().await.expect("events");
    assert_eq!(found["events"][0]["sequence"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declared_is_made_and_what_is_in_memory_begins_anew() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("plugins")).expect("a new folder");
    let file = folder.path().join("hearken.toml");
    let declared = "[channels.orders]\nmax_events = 5\n\
                    [channels.\"live/prices\"]\nengine = \"memory\"\n";
    std::fs::write(&file, declared).expect("a new file");
    let node = NodeProcess::start_again(folder, &[]).await;
    for channel in ["orders", "live%2Fprices"] {
        stored(answer(append(&node, channel, "a")).await).await;
    }
    let changed = node.request(Method::PUT, "/v1/channels/orders");
    let changed = answer(changed.json(&json!({}))).await;
    assert_eq!(changed.status(), StatusCode::CONFLICT);
    let problem: Value = changed.json().await.expect("a problem");
    assert_eq!(problem["type"], "urn:hearken:problem:declared");

    let folder = node.stopped().await;
    // The declaration that is taken away deletes nothing.
    let declared = "[channels.\"live/prices\"]\nengine = \"memory\"\n";
    std::fs::write(folder.path().join("hearken.toml"), declared).expect("writable");
    let node = NodeProcess::start_again(folder, &[]).await;
    assert_eq!(sequences(&all(&node, "orders").await), [1]);
    assert!(all(&node, "live%2Fprices").await.is_empty());
    let response = node.get("/v1/channels/orders").await;
    let orders: Value = response.json().await.expect("a channel");
    assert_eq!(orders["declared"], false);
    assert_eq!(orders["settings"]["max_events"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_where_it_was_when_the_node_is_back() {
    let node = NodeProcess::start([], &[]).await;
    make(&node, "orders", json!({})).await;
    for id in ["a", "b"] {
        stored(answer(append(&node, "orders", id)).await).await;
    }
    let stream = |node: &NodeProcess| {
        let request = node.request(Method::GET, "/v1/channels/orders/events");
        request.header("accept", "text/event-stream")
    };
    let first = answer(stream(&node).query(&[("after", "0")])).await;
    let mut first = Events::new(first);
    assert_eq!(first.next().await["id"], "a");
    let response = node.get("/v1/channels/orders").await;
    let channel: Value = response.json().await.expect("a channel");
    let epoch = channel["epoch"].as_str().expect("a text").to_owned();

    let folder = node.killed().await;
    let node = NodeProcess::start_again(folder, &[]).await;
    let resumed = stream(&node).header("last-event-id", format!("{epoch}-1"));
    let mut resumed = Events::new(answer(resumed).await);
    assert_eq!(resumed.next().await["id"], "b");
    stored(answer(append(&node, "orders", "c")).await).await;
    assert_eq!(resumed.next().await["id"], "c");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_channel_reach_those_who_listen_live() {
    let node = NodeProcess::start([], &[]).await;
    make(&node, "orders", json!({})).await;
    let mut of_channel = node.listen_with(&[("channel", "orders")]).await;
    let mut of_type = node.listen("custom.paid").await;
    stored(answer(append(&node, "orders", "a")).await).await;
    node.send("paid", 1).await;
    stored(answer(append(&node, "orders", "b")).await).await;
    for (id, number) in [("a", 1), ("b", 2)] {
        let event = of_channel.next().await;
        assert_eq!(
            (&event["id"], &event["sequence"]),
            (&json!(id), &json!(number))
        );
    }
    let order: Vec<_> = of_type.take(3).await;
    let channels: Vec<_> = order.iter().map(|event| &event["channel"]).collect();
    assert_eq!(channels, [&json!("orders"), &Value::Null, &json!("orders")]);
}
