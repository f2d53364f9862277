//! Nodes that leave as they should.

use hearken::admin::NodeState;

use crate::support::cluster::{linked, node, three};
use crate::support::load::{Load, all, numbers};
use crate::support::plugin::plugin;

const PUBLISHED: u64 = 800;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_has_sent_everything_and_says_goodbye() {
    let [a, b, c] = three(&[]).await;
    let left = b.itself().await.incarnation;
    let mut collected = Vec::new();
    for node in [&a, &c] {
        let events = node.listen("custom.load").await.gather();
        collected.push((node, events, node.listen("cluster.*").await.gather()));
    }
    Load::new(&b, "b", "load").publish(PUBLISHED).await;
    b.signal("TERM").await;
    let (code, log) = b.ended().await;
    assert_eq!(code, 0, "{log:#?}");
    for (node, events, heard) in &collected {
        let goodbye = heard.about("cluster.left", "b").await;
        assert_eq!(
            goodbye["data"],
            serde_json::json!({ "node": "b", "incarnation": left })
        );
        let events = events.until_count(PUBLISHED as usize).await;
        assert_eq!(numbers(&events), all([("b", PUBLISHED)]));
        node.until_state("b", NodeState::Left).await;
        let link = node.until_link("b", |_| true).await;
        assert_eq!((link.received, link.gaps), (PUBLISHED, 0));
        let told = heard.so_far();
        assert!(
            told.iter()
                .all(|event| event["type"] != "cluster.unreachable"),
            "{told:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_a_busy_plugin_says_goodbye_in_time() {
    let endless =
        plugin("slow").manifest("[limits]\ndeadline = \"1h\"\n[config]\nmillis = 3600000\n");
    let a = node("a").start().await;
    let b = node("b")
        .plugins([endless])
        .with(&["--shutdown-timeout", "5s"])
        .joins(&a.cluster_address().await);
    let b = b.start().await;
    linked(&[&a, &b]).await;
    let heard = a.listen("cluster.*").await.gather();
    let mut begun = b.listen("custom.report.slow").await;
    b.send("slow.work", 1).await;
    begun.next().await;
    drop(begun);
    b.signal("TERM").await;
    let (code, log) = b.ended().await;
    assert_eq!(code, 0, "{log:#?}");
    heard.about("cluster.left", "b").await;
    a.until_state("b", NodeState::Left).await;
    let told = heard.so_far();
    let is_goodbye = |event: &serde_json::Value| event["type"] == "cluster.left";
    assert!(told.iter().all(is_goodbye), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_stopped_comes_back_as_another() {
    let [a, b, c] = three(&[]).await;
    let address = a.cluster_address().await;
    let first = b.itself().await.incarnation;
    let heard = a.listen("cluster.*").await.gather();
    b.signal("TERM").await;
    assert_eq!(b.ended().await.0, 0);
    heard.about("cluster.left", "b").await;
    a.until_state("b", NodeState::Left).await;

    let b = node("b").joins(&address).start().await;
    linked(&[&a, &b, &c]).await;
    let joined = heard.about("cluster.joined", "b").await;
    assert_eq!(joined["data"]["incarnation"], *b.itself().await.incarnation);
    assert_ne!(joined["data"]["incarnation"], *first);
    let on_b = b.listen("custom.load").await.gather();
    Load::new(&a, "a", "load").publish(100).await;
    assert_eq!(numbers(&on_b.until_count(100).await), all([("a", 100)]));
    let told: Vec<_> = heard
        .so_far()
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(told, ["cluster.left", "cluster.joined"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn stops_and_starts_under_load_lose_nothing_of_others() {
    let [a, b, c] = three(&[]).await;
    let address = a.cluster_address().await;
    let on_c = c.listen("custom.load").await.gather();
    let mut load_a = Load::new(&a, "a", "load");
    let mut load_b = Load::new(&b, "b", "load");
    load_b.publish_paced(300, &on_c).await;
    let stop_and_start = async {
        b.signal("TERM").await;
        let (code, log) = b.ended().await;
        assert_eq!(code, 0, "{log:#?}");
        let b = node("b").joins(&address).start().await;
        linked(&[&a, &b, &c]).await;
        b
    };
    let (b, ()) = tokio::join!(stop_and_start, load_a.publish_paced(2000, &on_c));
    let mut load_again = Load::new(&b, "b-again", "load");
    load_again.publish_paced(300, &on_c).await;
    let events = on_c.until_count(2600).await;
    assert_eq!(
        numbers(&events),
        all([("a", 2000), ("b", 300), ("b-again", 300)])
    );
}
