//! What happens to the plugin, its file and its channel while it consumes.

use serde_json::{Value, json};

use super::{
    AT_ONCE, append, attempt, attempts, consuming, consuming_in, make, node_in, order, reports,
    until_handled,
};
use crate::support::languages::in_each_language;
use crate::support::node::TestNode;

#[tokio::test(flavor = "multi_thread")]
pub async fn live_and_channel_deliveries_call_the_listeners_of_their_kind() {
    in_each_language(async |language| {
        let node = node_in(language, "").await;
        let mut reports = reports(&node).await;
        let both = json!({ "type": "both.one", "id": "both", "source": "/tests" });
        // To the channel, and live to who listens.
        let last = append(&node, &[both.clone(), order("o1", "a", Value::Null)]).await;
        // Not of a channel.
        let mut live = both;
        live["id"] = json!("live");
        node.publish(&live).await;
        let mut order_live = order("o2", "a", Value::Null);
        order_live["id"] = json!("nobody");
        node.publish(&order_live).await;
        until_handled(&node, last).await;
        let mut found: Vec<_> = reports.take(4).await.iter().map(attempt).collect();
        found.sort();
        let expected = [
            ("both", None),
            ("both", Some(1)),
            ("live", None),
            ("o1", Some(1)),
        ];
        assert_eq!(found, expected.map(|(id, nth)| (id.to_owned(), nth)));
        let last = append(&node, &[order("o3", "a", Value::Null)]).await;
        let next = attempts(&mut reports, 1).await;
        assert_eq!(
            next,
            [("o3".to_owned(), Some(1))],
            "`nobody` is not consumed"
        );
        until_handled(&node, last).await;
        // By the mailbox.
        node.until("consuming", |status| status.counters.delivered == 2)
            .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_plugin_waits_for_a_channel_that_is_made_later() {
    let node = TestNode::start([consuming("")]).await;
    let status = node
        .until("consuming", |status| {
            let mut consumers = status.consumers.iter();
            consumers.any(|consumer| consumer.waiting.is_some())
        })
        .await;
    assert_eq!(status.state, hearken::admin::PluginState::Running);
    assert_eq!(status.consumers[0].channel, "orders");
    let mut reports = reports(&node).await;
    // It listens live meanwhile.
    let live = json!({ "type": "both.live", "id": "l", "source": "/tests" });
    node.publish(&live).await;
    assert_eq!(attempts(&mut reports, 1).await, [("l".to_owned(), None)]);
    make(&node, "orders").await;
    let last = append(&node, &[order("o1", "a", Value::Null)]).await;
    assert_eq!(
        attempts(&mut reports, 1).await,
        [("o1".to_owned(), Some(1))]
    );
    until_handled(&node, last).await;
    let status = node.status("consuming").await.expect("it is there");
    assert_eq!(status.consumers[0].waiting, None);
}

#[tokio::test(flavor = "multi_thread")]
pub async fn reloads_amid_work_lose_and_repeat_nothing() {
    in_each_language(async |language| {
        const EVENTS: usize = 300;
        let node = node_in(language, AT_ONCE).await;
        let reports = reports(&node).await.gather();
        let id = |n: usize| format!("o{n:03}");
        let events: Vec<_> = (0..EVENTS)
            .map(|n| order(&id(n), &format!("s{}", n % 7), Value::Null))
            .collect();
        let last = append(&node, &events).await;
        for part in 1..6 {
            reports.until_count(part * EVENTS / 8).await;
            // Other partitions too.
            let manifest = format!(
                "concurrency = {}\n[config]\nversion = \"{part}\"\n[consume.orders]\n{AT_ONCE}",
                1 + part % 3
            );
            node.place_manifest("consuming", &manifest);
            let version = part.to_string();
            node.until("consuming", |status| {
                status.version.as_deref() == Some(&version)
            })
            .await;
        }
        until_handled(&node, last).await;
        let reports = reports.until_count(EVENTS).await;
        let mut found: Vec<_> = reports.iter().map(attempt).collect();
        for subject in 0..7 {
            let of_subject = reports.iter().filter(|report| {
                let number = report["data"]["sequence"].as_u64().expect("a number");
                (number - 1) % 7 == subject
            });
            let numbers = of_subject.map(|report| report["data"]["sequence"].as_u64());
            assert!(numbers.is_sorted(), "in order for each subject");
        }
        found.sort();
        let expected: Vec<_> = (0..EVENTS).map(|n| (id(n), Some(1))).collect();
        assert_eq!(found, expected, "each once");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_plugin_that_comes_back_goes_on_where_it_was() {
    in_each_language(async |language| {
        let node = node_in(language, "").await;
        let mut reports = reports(&node).await;
        let last = append(&node, &[order("o1", "a", Value::Null)]).await;
        assert_eq!(
            attempts(&mut reports, 1).await,
            [("o1".to_owned(), Some(1))]
        );
        until_handled(&node, last).await;
        let mut host = node.listen("plugin.removed").await;
        node.remove_file(&consuming_in(language, ""));
        host.about("plugin.removed", "consuming").await;
        let last = append(&node, &[order("o2", "a", Value::Null)]).await;
        node.place(&consuming_in(language, "from = \"first\""));
        assert_eq!(
            attempts(&mut reports, 1).await,
            [("o2".to_owned(), Some(1))]
        );
        until_handled(&node, last).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_plugin_begins_where_its_manifest_says() {
    let node = TestNode::start([]).await;
    make(&node, "orders").await;
    let events = ["o1", "o2", "o3"].map(|id| order(id, "a", Value::Null));
    append(&node, &events).await;
    let mut reports = reports(&node).await;
    node.place(&consuming("from = 2"));
    assert_eq!(
        attempts(&mut reports, 1).await,
        [("o3".to_owned(), Some(1))]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_bounds_which_channels_are_consumed() {
    let bills = "[policy.default]\nread = [\"bills\"]\n";
    let node = TestNode::start_under(bills, [consuming("")]).await;
    make(&node, "orders").await;
    append(&node, &[order("o1", "a", Value::Null)]).await;
    let status = node.status("consuming").await.expect("it is there");
    let withheld = status.rights.withheld.iter().map(ToString::to_string);
    let withheld: Vec<_> = withheld.collect();
    assert!(
        withheld.contains(&"read orders (consume)".to_owned()),
        "{withheld:?}"
    );
    assert!(status.consumers.is_empty(), "{:?}", status.consumers);
    let mut reports = reports(&node).await;
    node.set_policy("[policy.default]\nread = [\"ord*\"]\n");
    assert_eq!(
        attempts(&mut reports, 1).await,
        [("o1".to_owned(), Some(1))]
    );
    until_handled(&node, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn what_the_policy_withholds_of_a_channel_is_told() {
    let policy = "[policy.default]\npublish = [\"custom.*\"]\nappend = [\"handled\"]\n\
                  listen = [\"custom.both.*\"]\n";
    let node = TestNode::start_under(policy, [consuming("")]).await;
    make(&node, "orders").await;
    let mut missed = node.listen("plugin.missed").await;
    let mut both = order("b1", "a", Value::Null);
    both["type"] = json!("both.one");
    let last = append(&node, &[order("o1", "a", Value::Null), both]).await;
    let told = missed.about("plugin.missed", "consuming").await;
    let told = &told["data"];
    assert_eq!(told["channel"], "orders");
    assert_eq!(
        (&told["first"], &told["last"], &told["count"]),
        (&json!(1), &json!(1), &json!(1))
    );
    until_handled(&node, last).await;
    let status = node.status("consuming").await.expect("it is there");
    assert_eq!(status.consumers[0].missed, 1);
}
