//! How nodes find each other, and what operators see of it.

use hearken::admin::{NodeState, NodeStatus};
use serde_json::Value;

use crate::support::cluster::{linked, node};
use crate::support::gate::Cable;
use crate::support::process::NodeProcess;

/// Checks that a node shows another one as that shows itself.
async fn assert_shown(seen_by: &NodeProcess, other: &NodeProcess) {
    let itself = other.itself().await;
    let measured = |node: &NodeStatus| {
        let link = node.link.as_ref();
        link.is_some_and(|link| link.round_trip_ms.is_some())
    };
    let seen = seen_by.until_node(&itself.name, measured).await;
    assert_eq!(seen.state, NodeState::Connected);
    assert_eq!(seen.address, itself.address);
    assert_eq!(seen.incarnation, itself.incarnation);
    assert_eq!(seen.version, env!("CARGO_PKG_VERSION"));
    let link = seen.link.expect("looked for");
    assert_eq!((link.dropped, link.gaps), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_any_member_finds_all() {
    let a = node("a").start().await;
    let b = node("b").joins(&a.cluster_address().await).start().await;
    let c = node("c").joins(&b.cluster_address().await).start().await;
    linked(&[&a, &b, &c]).await;
    for seen_by in [&a, &b, &c] {
        let names: Vec<String> = seen_by.nodes().await.into_iter().map(|n| n.name).collect();
        assert_eq!(names.len(), 3, "{names:?}");
        for other in [&a, &b, &c] {
            if seen_by.url != other.url {
                assert_shown(seen_by, other).await;
            }
        }
    }
    assert_eq!(a.itself().await.address, a.cluster_address().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_member_may_start_last() {
    let cable = Cable::new();
    let gate = cable.gate().await;
    let (b, c) = tokio::join!(
        node("b").joins(&gate.address).start(),
        node("c").joins(&gate.address).start(),
    );
    assert_eq!((b.nodes().await.len(), c.nodes().await.len()), (1, 1));
    let a = node("a").behind(&gate).start().await;
    linked(&[&a, &b, &c]).await;
    assert_eq!(a.itself().await.address, gate.address);
    assert_shown(&b, &a).await;
    assert_shown(&b, &c).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_dial_each_other_at_once_keep_one_link() {
    let cable = Cable::new();
    let (gate_a, gate_b) = (cable.gate().await, cable.gate().await);
    let (a, b) = tokio::join!(
        node("a").joins(&gate_b.address).behind(&gate_a).start(),
        node("b").joins(&gate_a.address).behind(&gate_b).start(),
    );
    linked(&[&a, &b]).await;
    for (from, to, name) in [(&a, &b, "a"), (&b, &a, "b")] {
        let mut events = to.listen("custom.greeting").await;
        for number in [1, 2] {
            let event =
                serde_json::json!({ "type": "greeting", "data": number, "distributed": true });
            from.publish(&event).await;
        }
        for number in [1, 2] {
            let event = events.next().await;
            assert_eq!(
                (&event["origin"], &event["data"]),
                (&name.into(), &number.into())
            );
        }
    }
    // Whoever lost, nobody was told of a second start.
    assert_eq!((a.nodes().await.len(), b.nodes().await.len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_is_announced_on_every_node() {
    let a = node("a").start().await;
    let heard_by_a = a.listen("cluster.*").await.gather();
    let b = node("b").joins(&a.cluster_address().await).start().await;
    let heard_by_b = b.listen("cluster.*").await.gather();
    let c = node("c").joins(&a.cluster_address().await).start().await;
    for (heard, by, joined) in [
        (&heard_by_a, "a", &b),
        (&heard_by_a, "a", &c),
        (&heard_by_b, "b", &c),
    ] {
        let itself = joined.itself().await;
        let event = heard.about("cluster.joined", &itself.name).await;
        assert_eq!(event["source"], format!("/nodes/{by}"));
        assert_eq!(
            (&event["distributed"], &event["localorigin"]),
            (&false.into(), &true.into())
        );
        let expected = serde_json::json!({
            "node": itself.name,
            "address": itself.address,
            "version": itself.version,
            "incarnation": itself.incarnation,
        });
        assert_eq!(event["data"], expected);
    }
    linked(&[&a, &b, &c]).await;
    let joined = heard_by_a.so_far();
    assert_eq!(joined.len(), 2, "each once: {joined:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_lists_the_nodes() {
    let a = node("a").start().await;
    let address = a.cluster_address().await;
    let b = node("b").joins(&address).start().await;
    linked(&[&a, &b]).await;
    let invited = b.said(|line| line.contains("hearken run --join")).await;
    let command = format!("--join {}", b.cluster_address().await);
    assert!(invited.contains(&command), "{invited}");

    let answer = b.hearken(&["nodes", "--json"]).await;
    assert_eq!(answer.code, 0, "{answer:?}");
    let nodes: Vec<Value> = answer
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(
        (&nodes[0]["name"], &nodes[0]["state"]),
        (&"b".into(), &"self".into())
    );
    assert_eq!(
        (&nodes[1]["name"], &nodes[1]["state"]),
        (&"a".into(), &"connected".into())
    );
    assert_eq!(nodes[1]["address"], address);

    let answer = b.hearken(&["nodes"]).await;
    assert_eq!(answer.code, 0, "{answer:?}");
    let row = answer.stdout.lines().find(|line| line.starts_with("a "));
    let row = row.unwrap_or_else(|| panic!("{answer:?}"));
    let incarnation = a.itself().await.incarnation;
    for cell in [
        &*address,
        "connected",
        // Its end: the beginning is the time.
        &incarnation[incarnation.len() - 8..],
        env!("CARGO_PKG_VERSION"),
    ] {
        assert!(row.contains(cell), "{cell} is not in {row}");
    }
}
