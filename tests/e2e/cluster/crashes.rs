//! Nodes that die and come back.

use hearken::admin::NodeState;

use crate::support::cluster::{linked, node, three};
use crate::support::load::{Load, all, assert_in_order, numbers};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_is_missed_and_its_next_start_is_another() {
    let [a, b, c] = three(&[]).await;
    let address = a.cluster_address().await;
    let heard = [
        a.listen("cluster.*").await.gather(),
        c.listen("cluster.*").await.gather(),
    ];
    let on_a = a.listen("custom.load").await.gather();
    let on_c = c.listen("custom.load").await.gather();
    let mut load_a = Load::new(&a, "a", "load");
    let mut load_b = Load::new(&b, "b", "load");
    let (killed, published) = (b.itself().await.incarnation, 400);
    tokio::join!(
        load_a.publish_paced(published, &on_c),
        load_b.publish_paced(published, &on_c)
    );
    // What has not left a node that is killed is lost with it.
    on_c.until(|events| {
        numbers(events)
            .get("b")
            .is_some_and(|n| n.len() as u64 == published)
    })
    .await;
    let before = (on_a.count(), on_c.count());

    // Amid what a sends to it.
    tokio::join!(b.kill(), load_a.publish_paced(published, &on_c));
    for heard in &heard {
        let lost = heard.about("cluster.unreachable", "b").await;
        assert_eq!(lost["data"]["incarnation"], *killed);
        assert_eq!(lost["data"]["node"], "b");
    }
    for node in [&a, &c] {
        let seen = node.until_state("b", NodeState::Unreachable).await;
        assert_eq!(seen.incarnation, killed);
    }

    let b = node("b").joins(&address).start().await;
    linked(&[&a, &b, &c]).await;
    let restarted = b.itself().await.incarnation;
    assert_ne!(restarted, killed);
    for heard in &heard {
        let joined = heard
            .first(|event| event["type"] == "cluster.joined" && event["subject"] == "b")
            .await;
        assert_eq!(joined["data"]["incarnation"], *restarted);
    }
    for node in [&a, &c] {
        assert_eq!(
            node.nodes().await.len(),
            3,
            "the old start is not shown beside the new one"
        );
    }

    let on_b = b.listen("custom.load").await.gather();
    let mut load_new = Load::new(&b, "b-again", "load");
    tokio::join!(
        load_a.publish_paced(published, &on_b),
        load_new.publish_paced(published, &on_c)
    );
    let from_a = load_a.published();
    let events = on_c
        .until(|events| {
            numbers(events)
                .get("b-again")
                .is_some_and(|n| n.len() as u64 == published)
        })
        .await;
    assert!(events.len() > before.1, "{before:?}");
    let events = on_c
        .until_count(usize::try_from(from_a + 2 * published).expect("few"))
        .await;
    assert_eq!(
        numbers(&events),
        all([("a", from_a), ("b", published), ("b-again", published)])
    );
    assert_in_order(&on_a.so_far());
    let on_b = on_b
        .until_count(2 * usize::try_from(published).expect("few"))
        .await;
    // What a published before this start of b asked for it, it does not get.
    let expected: Vec<u64> = (from_a - published..from_a).collect();
    assert_eq!(numbers(&on_b)["a"], expected);
    assert_eq!(a.until_link("c", |_| true).await.dropped, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_under_load_disturb_nobody_else() {
    let [a, mut b, c] = three(&[]).await;
    let address = a.cluster_address().await;
    let on_c = c.listen("custom.load").await.gather();
    let heard = c.listen("cluster.{gap,joined}").await.gather();
    let mut load = Load::new(&a, "a", "load");
    let mut incarnations = vec![b.itself().await.incarnation];
    for _ in 0..3 {
        let on_b = b.listen("custom.load").await.gather();
        let begun = load.published();
        load.publish_paced(200, &on_c).await;
        let restart = async {
            on_b.until_count(100).await;
            b.kill().await;
            let b = node("b").joins(&address).start().await;
            linked(&[&a, &b, &c]).await;
            b
        };
        let (restarted, ()) = tokio::join!(restart, load.publish_paced(1000, &on_c));
        b = restarted;
        incarnations.push(b.itself().await.incarnation);
        let events = on_b.so_far();
        let seen = &numbers(&events)["a"];
        let expected: Vec<u64> = (begun..).take(seen.len()).collect();
        assert_eq!(*seen, expected, "all of a's events until it died, in order");
    }
    let published = usize::try_from(load.published()).expect("few");
    let events = on_c.until_count(published).await;
    assert_eq!(numbers(&events), all([("a", load.published())]));
    for incarnation in &incarnations[1..] {
        heard
            .first(|event| event["data"]["incarnation"] == **incarnation)
            .await;
    }
    incarnations.sort();
    incarnations.dedup();
    assert_eq!(incarnations.len(), 4);
    let gaps = heard.so_far();
    assert!(
        gaps.iter().all(|event| event["type"] != "cluster.gap"),
        "{gaps:#?}"
    );
}
