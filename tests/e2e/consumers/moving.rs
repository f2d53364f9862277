//! Operators who send the plugin back.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use hearken::admin::{PluginState, PluginStatus, ReplayState};

use super::{all, append, attempts, node, order, reports, until_handled};
use crate::support::api::{Api, answer};
use crate::support::{DEADLINE, POLL};

/// A node whose plugin has handled three events, and what it says from then on.
async fn handled() -> (
    crate::support::node::TestNode,
    crate::support::events::Events,
) {
    let node = node("").await;
    let mut reports = reports(&node).await;
    let events = [
        order("o1", "a", Value::Null),
        order("o2", "b", json!({ "do": "append" })),
        order("o3", "a", Value::Null),
    ];
    super::make(&node, "handled").await;
    let last = append(&node, &events).await;
    attempts(&mut reports, 3).await;
    until_handled(&node, last).await;
    (node, reports)
}

async fn replay(api: &Api, request: Value) -> (StatusCode, Value) {
    let path = "/v1/plugins/consuming/replay";
    let response = answer(api.request(Method::POST, path).json(&request)).await;
    (response.status(), response.json().await.expect("JSON"))
}

fn done(status: &PluginStatus) -> bool {
    let replay = status.replay.as_ref();
    replay.is_some_and(|replay| replay.state == ReplayState::Done)
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_consumer_that_is_sent_back_gets_its_events_again() {
    let (node, mut reports) = handled().await;
    let path = "/v1/channels/orders/consumers/consuming/seek";
    let seek = node
        .request(Method::POST, path)
        .json(&json!({ "after": 1 }));
    assert_eq!(answer(seek).await.status(), StatusCode::OK);
    let mut again = attempts(&mut reports, 2).await;
    again.sort();
    assert_eq!(again, ["o2", "o3"].map(|id| (id.to_owned(), Some(1))));
    until_handled(&node, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_range_is_handed_over_again_beside_the_consumer() {
    let (node, mut reports) = handled().await;
    let (status, body) = replay(
        &node,
        json!({ "channel": "orders", "after": 0, "until": 2 }),
    )
    .await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["replay"]["until"], 2);
    let again = attempts(&mut reports, 2).await;
    assert_eq!(again, ["o1", "o2"].map(|id| (id.to_owned(), Some(1))));
    let status = node.until("consuming", done).await;
    let replay = status.replay.expect("looked for");
    assert_eq!((replay.handled, replay.failed, replay.at), (2, 0, 2));
    assert_eq!(status.consumers[0].after, 3, "its place does not move");
    append(&node, &[order("o4", "a", Value::Null)]).await;
    assert_eq!(
        attempts(&mut reports, 1).await,
        [("o4".to_owned(), Some(1))]
    );
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_copy_is_handed_a_range_and_changes_nothing() {
    let (node, mut reports) = handled().await;
    let before = all(&node, "handled").await.len();
    assert_eq!(before, 1);
    let request = json!({ "channel": "orders", "after": 0, "copy": true });
    let (status, body) = replay(&node, request).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["name"], "consuming.replay");
    let status = node.until("consuming", done).await;
    let replay = status.replay.expect("looked for");
    assert_eq!((replay.copy, replay.handled, replay.failed), (true, 3, 0));
    assert_eq!((status.consumers[0].after, status.counters.failed), (3, 0));
    let gone = async {
        while node.status("consuming.replay").await.is_some() {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.expect("it goes");
    // Of what it sent and appended nothing is there.
    append(&node, &[order("o4", "a", Value::Null)]).await;
    assert_eq!(
        attempts(&mut reports, 1).await,
        [("o4".to_owned(), Some(1))]
    );
    assert_eq!(all(&node, "handled").await.len(), before);
}

#[tokio::test(flavor = "multi_thread")]
pub async fn what_fails_in_a_replay_is_counted_and_not_tried_again() {
    let (node, mut reports) = handled().await;
    let last = append(&node, &[order("o5", "a", json!({ "do": "reject" }))]).await;
    attempts(&mut reports, 1).await;
    until_handled(&node, last).await;
    let (status, body) = replay(&node, json!({ "channel": "orders", "after": 2 })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let status = node.until("consuming", done).await;
    let replay = status.replay.expect("looked for");
    assert_eq!((replay.handled, replay.failed), (1, 1));
    assert_eq!(replay.last_error.as_deref(), Some("it is told to reject"));
    assert_eq!(status.consumers[0].dead, 1, "a replay makes no dead letter");
    let again = attempts(&mut reports, 2).await;
    assert_eq!(again, ["o3", "o5"].map(|id| (id.to_owned(), Some(1))));
}

#[tokio::test(flavor = "multi_thread")]
pub async fn what_kills_each_instance_in_a_replay_quarantines_nobody() {
    // More than the deaths in a row that do.
    const POISON: u64 = 7;
    let node = node("attempts = 1").await;
    let poison = (0..POISON).map(|n| {
        let trap = json!({ "do": "trap" });
        order(&format!("p{n}"), &format!("s{n}"), trap)
    });
    let last = append(&node, &Vec::from_iter(poison)).await;
    until_handled(&node, last).await;
    let (status, body) = replay(&node, json!({ "channel": "orders", "after": 0 })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let status = node.until("consuming", done).await;
    let replay = status.replay.expect("looked for");
    assert_eq!((replay.handled, replay.failed), (0, POISON));
    assert_ne!(status.state, PluginState::Quarantined);
}

#[tokio::test(flavor = "multi_thread")]
pub async fn what_cannot_be_handed_over_again_is_refused_with_the_reason() {
    let (node, _) = handled().await;
    for (request, reason) in [
        (json!({ "channel": "ordesr", "after": 0 }), "orders"),
        (
            json!({ "channel": "handled", "after": 0 }),
            "no listener on the channel `handled`, but on orders",
        ),
        (
            json!({ "channel": "orders", "after": 3 }),
            "nothing in the channel",
        ),
        (
            json!({ "channel": "orders", "after": 0, "until": 9 }),
            "ends with number 3",
        ),
    ] {
        let (status, body) = replay(&node, request).await;
        assert_eq!(status, StatusCode::CONFLICT, "{body}");
        let detail = body["detail"].as_str().expect("a text");
        assert!(detail.contains(reason), "{detail}");
    }
    let (status, body) = replay(&node, json!({ "channel": "orders" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
}
