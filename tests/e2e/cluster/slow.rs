//! A node behind a bad network costs the others nothing.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::cluster::{linked, node};
use crate::support::gate::{Cable, Fault};
use crate::support::load::{Load, all, assert_in_order, numbers};
use crate::support::plugin::plugin;

/// Bytes a second: far less than what is published.
const SLOW: u32 = 256 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_node_loses_only_its_own_events() {
    const LARGE: u64 = 1600;
    const MARKED: u64 = 40;
    let cable = Cable::new();
    let gates = [cable.gate().await, cable.gate().await, cable.gate().await];
    let sink = || plugin("echo").manifest("subscribe = [\"custom.large\"]");
    let a = node("a").behind(&gates[0]).start().await;
    // `a` and `b` are linked directly, and all links to `c` go over the cable.
    let direct = a.cluster_address().await;
    let b = node("b")
        .behind(&gates[1])
        .joins(&direct)
        .plugins([sink()])
        .start()
        .await;
    linked(&[&a, &b]).await;
    let c = node("c")
        .behind(&gates[2])
        .joins(&gates[0].address)
        .plugins([sink()])
        .start()
        .await;
    linked(&[&a, &b, &c]).await;

    let gaps_on_b = b.listen("cluster.*").await.gather();
    let gaps_on_c = c.listen("cluster.gap").await.gather();
    let small_on_b = b.listen("custom.load").await.gather();
    let marked = [("type", "custom.large"), ("subject", "marked")];
    let marked_on_b = b.listen_with(&marked).await.gather();
    let marked_on_c = c.listen_with(&marked).await.gather();
    cable.fails(Fault::Slow(SLOW));
    let mut large = Load::new(&a, "a", "large").large(64 << 10, MARKED);
    let mut small = Load::new(&a, "small", "load");
    for _ in 0..16 {
        large.publish(LARGE / 16).await;
        small.publish_paced(50, &small_on_b).await;
        // `b` gets everything at once, however much waits for `c`.
        let published = large.published() + small.published();
        let link = b.until_link("a", |link| link.received >= published).await;
        assert_eq!(link.gaps, 0);
    }
    let events = small_on_b.until_count(800).await;
    assert_eq!(numbers(&events), all([("small", 800)]));
    let events = marked_on_b.until_count((LARGE / MARKED) as usize).await;
    let expected: Vec<u64> = (0..LARGE).step_by(MARKED as usize).collect();
    assert_eq!(numbers(&events)["a"], expected);
    let about_a = |event: &&serde_json::Value| event["subject"] == "a";
    assert_eq!(gaps_on_b.so_far().iter().find(about_a), None);

    cable.fails(Fault::None);
    linked(&[&a, &b, &c]).await;
    let mut last = c.listen("custom.last").await;
    let event = serde_json::json!({ "type": "last", "distributed": true });
    a.publish(&event).await;
    last.next().await;
    let to_c = a.until_link("c", |link| link.queued == 0).await;
    assert!(to_c.dropped > 0, "the cable was faster than that: {to_c:?}");
    assert_eq!(to_c.sent + to_c.dropped, LARGE + 1, "{to_c:?}");
    let on_c = c.until_link("a", |link| link.received == to_c.sent).await;
    assert_eq!(on_c.gaps, to_c.dropped);
    let told = |events: &[serde_json::Value]| -> u64 {
        events
            .iter()
            .map(|gap| gap["data"]["count"].as_u64().expect("a count"))
            .sum()
    };
    gaps_on_c.until(|gaps| told(gaps) == to_c.dropped).await;
    assert_in_order(&marked_on_c.so_far());
    let to_b = a.until_link("b", |_| true).await;
    assert_eq!(to_b.dropped, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_link_is_not_taken_for_a_broken_one() {
    let cable = Cable::new();
    let gates = [cable.gate().await, cable.gate().await];
    let large = ["--max-event-size", "8MiB"];
    let a = node("a").with(&large).behind(&gates[0]).start().await;
    let joining = node("b").with(&large).behind(&gates[1]);
    let sink = plugin("echo").manifest("subscribe = [\"custom.large\"]");
    let b = joining
        .joins(&gates[0].address)
        .plugins([sink])
        .start()
        .await;
    linked(&[&a, &b]).await;
    cable.fails(Fault::Slow(1 << 20));
    // Each is on its way for eight seconds, many times what a link may be silent for: a
    // link that broke meanwhile would begin with it again, and never bring it.
    let events = (0..2).map(
        |_| json!({ "type": "large", "distributed": true, "data": "x".repeat((8 << 20) - 1024) }),
    );
    join_all(events.map(async |event| a.publish(&event).await)).await;
    let link = b.until_link("a", |link| link.received == 2).await;
    assert_eq!(link.gaps, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_large_for_the_other_side_is_a_gap_of_one() {
    let a = node("a").with(&["--max-event-size", "4MiB"]).start().await;
    let b = node("b").joins(&a.cluster_address().await).start().await;
    linked(&[&a, &b]).await;
    let gaps = b.listen("cluster.gap").await.gather();
    let mut arriving = b.listen("custom.any").await;
    let event =
        |bytes: usize| json!({ "type": "any", "distributed": true, "data": "x".repeat(bytes) });
    for bytes in [1, 2 << 20, 2] {
        a.publish(&event(bytes)).await;
    }
    for bytes in [1, 2] {
        let data = arriving.next().await["data"].as_str().map(str::len);
        assert_eq!(data, Some(bytes));
    }
    let gap = gaps.until_count(1).await[0]["data"].clone();
    assert_eq!((&gap["origin"], &gap["count"]), (&"a".into(), &1.into()));
    assert_eq!((&gap["first"], &gap["last"]), (&2.into(), &2.into()));
    assert!(gap["after"].is_string(), "{gap}");
    let link = a.until_link("b", |link| link.queued == 0).await;
    assert_eq!((link.sent, link.dropped), (2, 1));
    let lost = |line: &Value| line["message"] == "link lost";
    assert!(!a.log().iter().any(lost) && !b.log().iter().any(lost));
}
