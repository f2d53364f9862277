//! What a channel drops, keeps and refuses, also after a kill.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{append, make, sequences, stored};
use crate::support::api::{Api, answer};
use crate::support::process::NodeProcess;

/// The status and body of an append.
async fn appended(api: &Api, id: &str) -> (StatusCode, Value) {
    let response = answer(append(api, "orders", id)).await;
    (response.status(), response.json().await.expect("JSON"))
}

async fn page(api: &Api, query: &str) -> Value {
    let path = format!("/v1/channels/orders/events?{query}");
    api.get(&path).await.json().await.expect("a page")
}

async fn move_cursor(api: &Api, after: u64) {
    let cursor = api.request(Method::PUT, "/v1/channels/orders/cursors/me");
    let moved = answer(cursor.json(&json!({ "after": after }))).await;
    assert!(moved.status().is_success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_is_told_and_is_a_gap() {
    let node = NodeProcess::start([], &[]).await;
    let mut reports = node.listen("channel.trimmed").await;
    make(&node, "orders", json!({"max_events": 3})).await;
    for id in ["a", "b", "c", "d", "e"] {
        stored(answer(append(&node, "orders", id)).await).await;
    }
    // In one report or two, by when the node looks.
    let mut from = json!(1);
    loop {
        let report = reports.next().await;
        let data = &report["data"];
        assert_eq!(
            (&data["channel"], &data["first"]),
            (&json!("orders"), &from)
        );
        if data["last"] == 2 {
            break;
        }
        assert_eq!(data["last"], 1);
        from = json!(2);
    }
    let folder = node.killed().await;
    let node = NodeProcess::start_again(folder, &[]).await;
    let all = page(&node, "after=0").await;
    assert_eq!(all["gap"], json!({"first": 1, "last": 2}));
    assert_eq!(
        sequences(all["events"].as_array().expect("events")),
        [3, 4, 5]
    );
    let rest = page(&node, "after=3").await;
    assert_eq!(rest["gap"], Value::Null);
    assert_eq!(
        sequences(rest["events"].as_array().expect("events")),
        [4, 5]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reader_has_not_read_is_kept_and_appends_are_refused_for_it() {
    let node = NodeProcess::start([], &[]).await;
    let settings = json!({"max_events": 2, "keep_unread": ["client:me"]});
    make(&node, "orders", settings).await;
    for id in ["a", "b"] {
        stored(answer(append(&node, "orders", id)).await).await;
    }
    let (status, problem) = appended(&node, "c").await;
    assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE, "{problem}");
    assert_eq!(problem["type"], "urn:hearken:problem:full");
    move_cursor(&node, 1).await;
    let (status, receipt) = appended(&node, "c").await;
    assert_eq!(
        (status, &receipt["sequence"]),
        (StatusCode::CREATED, &json!(3))
    );

    let folder = node.killed().await;
    let node = NodeProcess::start_again(folder, &[]).await;
    let (status, problem) = appended(&node, "d").await;
    assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE, "{problem}");
    let unread = page(&node, "client=me").await;
    assert_eq!(unread["gap"], Value::Null);
    assert_eq!(
        sequences(unread["events"].as_array().expect("events")),
        [2, 3]
    );
    move_cursor(&node, 3).await;
    let (status, receipt) = appended(&node, "d").await;
    assert_eq!(
        (status, &receipt["sequence"]),
        (StatusCode::CREATED, &json!(4))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_expect_the_same_end_one_appends() {
    let node = NodeProcess::start([], &[]).await;
    make(&node, "orders", json!({})).await;
    stored(answer(append(&node, "orders", "first")).await).await;
    let ids: Vec<String> = (0..8).map(|n| n.to_string()).collect();
    let writers = ids.iter().map(|id| async {
        let request = append(&node, "orders", id).header("if-match", "\"1\"");
        let response = answer(request).await;
        let status = response.status();
        let body: Value = response.json().await.expect("JSON");
        (status, body)
    });
    let answers = futures_util::future::join_all(writers).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|(status, _)| *status == StatusCode::CREATED);
    assert_eq!(won.len(), 1, "{lost:?}");
    assert_eq!(won[0].1["sequence"], 2);
    for (status, problem) in &lost {
        assert_eq!(*status, StatusCode::PRECONDITION_FAILED, "{problem}");
        assert_eq!(problem["type"], "urn:hearken:problem:conflict");
        assert_eq!(problem["last"], 2);
    }
}
