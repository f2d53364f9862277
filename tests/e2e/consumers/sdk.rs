//! Plugins on the SDK, whose listeners on a channel are several.

use serde_json::{Value, json};

use super::{AT_ONCE, all, append, make, order, until_handled_by};
use crate::support::events::Events;
use crate::support::node::TestNode;
use crate::support::plugin::plugin;

async fn node() -> TestNode {
    let manifest = format!("[allow]\nappend = [\"bills\"]\n[consume.orders]\n{AT_ONCE}");
    let node = TestNode::start([plugin("consumer").manifest(&manifest)]).await;
    make(&node, "bills").await;
    make(&node, "orders").await;
    node
}

/// What the listeners on the channel report, as far as the event is handled: who, and
/// whether it is not the first attempt.
async fn reported(reports: &mut Events) -> Vec<(String, bool)> {
    let mut reported = Vec::new();
    loop {
        let report = reports.next().await["data"].clone();
        let who = report["who"].as_str().expect("somebody").to_owned();
        if who == "see" {
            assert_eq!(report["retry"], false);
            continue;
        }
        let is_last = who == "handled";
        reported.push((who, report["retry"].as_bool().expect("a Boolean")));
        if is_last {
            return reported;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_for_those_that_failed_and_appends_once() {
    let node = node().await;
    let mut reports = node.listen("custom.report.consumer").await;
    let mut event = order("a1", "a", json!({ "append": 2, "fail": 2 }));
    event["type"] = json!("order.both");
    let last = append(&node, &[event]).await;
    let expected = [
        ("handle", false),
        ("witness", false),
        ("handle", true),
        ("handle", true),
        ("handled", true),
    ];
    let expected = expected.map(|(who, retry)| (who.to_owned(), retry));
    assert_eq!(reported(&mut reports).await, expected);
    until_handled_by(&node, "consumer", last).await;

    let orders = all(&node, "orders").await;
    let bills = all(&node, "bills").await;
    let page: Value = node
        .get("/v1/channels/orders/events")
        .await
        .json()
        .await
        .expect("a page");
    let epoch = page["epoch"].as_str().expect("an epoch");
    let ids: Vec<_> = bills.iter().map(|bill| bill["id"].clone()).collect();
    let id = |number| {
        json!(format!(
            "orders/{epoch}/1/consumer/Consumer::handle/{number}"
        ))
    };
    assert_eq!(ids, [id(1), id(2)]);
    assert_eq!(orders.len(), 1);
    for bill in &bills {
        assert_eq!(bill["source"], "/nodes/test/plugins/consumer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reject_is_a_dead_letter_with_its_reason() {
    let node = node().await;
    let reject = order("a1", "a", json!({ "reject": "not for us" }));
    let last = append(&node, &[reject]).await;
    until_handled_by(&node, "consumer", last).await;
    let letters = all(&node, "dead.consumer").await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["deadreason"], "Consumer::handle: not for us");
}
