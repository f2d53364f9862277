//! Operators who send the plugin back.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use hearken::admin::{PluginState, PluginStatus, ReplayState};

use super::{all, append, attempts, consuming, node, node_in, order, reports, until_handled};
use crate::support::api::{Api, answer};
use crate::support::events::Events;
use crate::support::languages::{Language, in_each_language};
use crate::support::node::TestNode;
use crate::support::{DEADLINE, POLL};

/// A node whose plugin has handled three events, and what it says from then on.
async fn handled() -> (TestNode, Events) {
    handled_in(Language::Rust).await
}

/// The same in another language.
async fn handled_in(language: Language) -> (TestNode, Events) {
    let node = node_in(language, "").await;
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

/// Which attempt it is of what is handed over again: by the host's count, or the instance's.
fn second(language: Language) -> Option<u64> {
    Some(if language.is_compiled() { 1 } else { 2 })
}

async fn replay(api: &Api, request: Value) -> (StatusCode, Value) {
    let path = "/v1/plugins/consuming/replay";
    let response = answer(api.request(Method::POST, path).json(&request)).await;
    (response.status(), response.json().await.expect("JSON"))
}

/// The ends of the ids of what the plugin has appended while it handled the second event.
async fn appended(api: &Api) -> Vec<String> {
    let appended = all(api, "handled").await;
    let ends = appended.iter().map(|event| {
        let id = event["id"].as_str().expect("an id");
        let (_, end) = id.split_once("/2/").expect("the number of the event");
        end.to_owned()
    });
    ends.collect()
}

fn done(status: &PluginStatus) -> bool {
    let replay = status.replay.as_ref();
    replay.is_some_and(|replay| replay.state == ReplayState::Done)
}

async fn until_copy_is_gone(api: &Api) {
    let gone = async {
        while api.status("consuming.replay").await.is_some() {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.expect("it goes");
}

/// Ends what the plugin is handed again.
async fn stop(api: &Api) -> (StatusCode, Value) {
    let path = "/v1/plugins/consuming/replay";
    let response = answer(api.request(Method::DELETE, path)).await;
    (response.status(), response.json().await.expect("JSON"))
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_consumer_that_is_sent_back_gets_its_events_again() {
    in_each_language(async |language| {
        let (node, mut reports) = handled_in(language).await;
        let path = "/v1/channels/orders/consumers/consuming/seek";
        let seek = node
            .request(Method::POST, path)
            .json(&json!({ "after": 1 }));
        assert_eq!(answer(seek).await.status(), StatusCode::OK);
        let mut again = attempts(&mut reports, 2).await;
        again.sort();
        assert_eq!(
            again,
            ["o2", "o3"].map(|id| (id.to_owned(), second(language)))
        );
        until_handled(&node, 3).await;
        let rounds = ["consuming/1", "consuming~seek-1/1"];
        assert_eq!(appended(&node).await, rounds, "it is stored anew");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_range_is_handed_over_again_beside_the_consumer() {
    in_each_language(async |language| {
        let (node, mut reports) = handled_in(language).await;
        let (status, body) = replay(
            &node,
            json!({ "channel": "orders", "after": 0, "until": 2 }),
        )
        .await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(body["replay"]["until"], 2);
        let again = attempts(&mut reports, 2).await;
        assert_eq!(
            again,
            ["o1", "o2"].map(|id| (id.to_owned(), second(language)))
        );
        let status = node.until("consuming", done).await;
        let replay = status.replay.expect("looked for");
        assert_eq!((replay.handled, replay.failed, replay.at), (2, 0, 2));
        let appended = appended(&node).await;
        assert_eq!(appended.len(), 2, "it is stored anew: {appended:?}");
        assert_eq!(appended[0], "consuming/1");
        assert!(appended[1].starts_with("consuming~replay-"), "{appended:?}");
        assert_eq!(status.consumers[0].after, 3, "its place does not move");
        append(&node, &[order("o4", "a", Value::Null)]).await;
        assert_eq!(
            attempts(&mut reports, 1).await,
            [("o4".to_owned(), Some(1))]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_copy_is_handed_a_range_and_changes_nothing() {
    in_each_language(async |language| {
        let (node, mut reports) = handled_in(language).await;
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
        until_copy_is_gone(&node).await;
        // Of what it sent and appended nothing is there.
        append(&node, &[order("o4", "a", Value::Null)]).await;
        assert_eq!(
            attempts(&mut reports, 1).await,
            [("o4".to_owned(), Some(1))]
        );
        assert_eq!(all(&node, "handled").await.len(), before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn what_fails_in_a_replay_is_counted_and_not_tried_again() {
    in_each_language(async |language| {
        let (node, mut reports) = handled_in(language).await;
        let last = append(&node, &[order("o5", "a", json!({ "do": "reject" }))]).await;
        attempts(&mut reports, 1).await;
        until_handled(&node, last).await;
        let (status, body) = replay(&node, json!({ "channel": "orders", "after": 2 })).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let status = node.until("consuming", done).await;
        let replay = status.replay.expect("looked for");
        assert_eq!((replay.handled, replay.failed), (1, 1));
        let error = replay.last_error.as_deref().unwrap_or_default();
        assert!(error.contains("it is told to reject"), "{error}");
        assert_eq!(status.consumers[0].dead, 1, "a replay makes no dead letter");
        let again = attempts(&mut reports, 2).await;
        assert_eq!(
            again,
            ["o3", "o5"].map(|id| (id.to_owned(), second(language)))
        );
    })
    .await;
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
pub async fn a_replay_ends_when_an_operator_says_so() {
    let (node, mut reports) = handled().await;
    // So that it is not over before.
    node.succeed("consuming", "pause").await;
    let (status, body) = replay(&node, json!({ "channel": "orders", "after": 0 })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (status, body) = stop(&node).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["replay"]["state"], "stopped");
    assert_eq!(body["replay"]["at"], 0);
    let (status, body) = stop(&node).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    node.succeed("consuming", "resume").await;
    append(&node, &[order("o4", "a", Value::Null)]).await;
    assert_eq!(
        attempts(&mut reports, 1).await,
        [("o4".to_owned(), Some(1))],
        "nothing of it is handed over"
    );
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_copy_ends_with_its_plugin_or_when_an_operator_says_so() {
    let node = TestNode::start([]).await;
    super::make(&node, "orders").await;
    // Each costs the copy a tenth of a second, and the plugin nothing.
    let poison = (0..500).map(|n| {
        let trap = json!({ "do": "trap" });
        order(&format!("p{n}"), &format!("s{n}"), trap)
    });
    append(&node, &Vec::from_iter(poison)).await;
    node.place(&consuming("from = \"new\""));
    let runs = |status: &PluginStatus| status.state == PluginState::Running;
    node.until("consuming", runs).await;
    for end in ["stop", "pause", "remove"] {
        let request = json!({ "channel": "orders", "after": 0, "copy": true });
        let (status, body) = replay(&node, request).await;
        assert_eq!(status, StatusCode::OK, "{end}: {body}");
        match end {
            "stop" => {
                let (status, body) = stop(&node).await;
                assert_eq!(status, StatusCode::OK, "{body}");
            }
            "pause" => drop(node.succeed("consuming", "pause").await),
            _ => node.remove("consuming"),
        }
        until_copy_is_gone(&node).await;
        if end != "remove" {
            let status = node.status("consuming").await.expect("it is there");
            let replay = status.replay.expect("it was begun");
            assert_eq!(replay.state, ReplayState::Stopped, "{end}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
pub async fn what_may_not_be_heard_any_more_is_not_handed_over_again() {
    let policy = |listen: &str| {
        format!(
            "[policy.default]\npublish = [\"custom.*\"]\nappend = [\"handled\"]\n\
             listen = [\"{listen}\"]\n"
        )
    };
    let node = TestNode::start_under(&policy("custom.*"), [consuming("")]).await;
    super::make(&node, "orders").await;
    let mut reports = reports(&node).await;
    let mut both = order("b1", "a", Value::Null);
    both["type"] = json!("both.one");
    let last = append(&node, &[order("o1", "a", Value::Null), both]).await;
    // The second live too.
    attempts(&mut reports, 3).await;
    until_handled(&node, last).await;
    node.succeed("consuming", "pause").await;
    let (status, body) = replay(&node, json!({ "channel": "orders", "after": 0 })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    node.set_policy(&policy("custom.both.*"));
    let is_narrowed = |status: &PluginStatus| {
        let mut withheld = status.rights.withheld.iter();
        withheld.any(|withheld| withheld.listener.is_some())
    };
    node.until("consuming", is_narrowed).await;
    node.succeed("consuming", "resume").await;
    assert_eq!(
        attempts(&mut reports, 1).await,
        [("b1".to_owned(), Some(1))]
    );
    let status = node.until("consuming", done).await;
    assert_eq!(status.replay.expect("looked for").handled, 1);
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
