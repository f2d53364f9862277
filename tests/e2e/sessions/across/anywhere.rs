//! What servers ask of one node, which is the same on each of them.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_first_use_on_all_nodes_at_once_makes_one_channel() {
    let house = House::new().await;
    for round in 0..6 {
        let mut publishing = JoinSet::new();
        for (name, node) in &house.nodes {
            let (name, api) = (*name, Api::new(node.url.clone()));
            let channel = format!("ticket:{round}");
            publishing.spawn(async move { publish(&api, name, &channel, &json!(name)).await });
        }
        let receipts = publishing.join_all().await;
        let epochs: BTreeSet<_> = receipts.iter().map(|it| it["epoch"].as_str()).collect();
        assert_eq!(epochs.len(), 1, "{receipts:?}");
        let numbers: BTreeSet<_> = receipts.iter().map(|it| it["sequence"].as_u64()).collect();
        assert_eq!(numbers, [1, 2, 3].map(Some).into(), "{receipts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_on_another_node_is_stored_once() {
    let house = House::new().await;
    for channel in ["ticket:again", LOG, "chat:again"] {
        let mut answers = BTreeSet::new();
        for node in house.nodes.values() {
            let published = json!({ "channel": channel, "data": 1, "idempotency_key": "once" });
            answers.insert(command(node, "publish", &published).await["offset"].as_u64());
        }
        assert_eq!(answers, [Some(1)].into(), "{channel}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_history_has_is_dropped_from_every_node() {
    let house = House::new().await;
    for channel in [LOG, "ticket:1"] {
        for (number, node) in (1..).zip(house.nodes.values()) {
            publish(
                node,
                &format!("{channel}-{number}"),
                channel,
                &json!(number),
            )
            .await;
            command(node, "history_remove", &json!({ "channel": channel })).await;
            for node in house.nodes.values() {
                let asked = json!({ "channel": channel, "limit": -1 });
                let history = command(node, "history", &asked).await;
                assert_eq!(history["publications"], json!([]));
                assert_eq!(history["offset"], number);
            }
        }
    }
}
