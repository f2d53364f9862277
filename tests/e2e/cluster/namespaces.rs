//! Nodes on machines of their own, whose packets get lost.

use hearken::admin::NodeState;

use crate::support::cluster::linked;
use crate::support::load::{Load, all, numbers};
use crate::support::namespaces::{Machine, Network, available};
use crate::support::process::NodeProcess;

/// A node on a machine, which joins that on another.
async fn node(name: &str, machine: &Machine, join: Option<&Machine>) -> NodeProcess {
    let listen = format!("{}:7070", machine.managed_at);
    let cluster = format!("{}:7071", machine.reached_at);
    let mut arguments = vec![
        "--node",
        name,
        "--listen",
        &listen,
        "--allow-unauthenticated",
        "--http-allow-plaintext",
        "--cluster-listen",
        &cluster,
        "--cluster-allow-plaintext",
    ];
    if let Some(other) = join {
        arguments.extend(["--join", &other.reached_at]);
    }
    NodeProcess::start_by(&machine.run(), [], &arguments).await
}

/// Three machines, with a node on each.
struct Machines {
    nodes: [NodeProcess; 3],
    machines: [Machine; 3],
    _network: Network,
}

impl Machines {
    async fn start() -> Self {
        let mut network = Network::new();
        let machines = [network.machine(), network.machine(), network.machine()];
        let [first, second, third] = &machines;
        let (a, b, c) = tokio::join!(
            node("a", first, None),
            node("b", second, Some(first)),
            node("c", third, Some(first)),
        );
        linked(&[&a, &b, &c]).await;
        Self {
            nodes: [a, b, c],
            machines,
            _network: network,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_cut_off_is_missed_and_gets_everything_later() {
    if !available() {
        return;
    }
    let all_of_them = Machines::start().await;
    let [a, b, c] = &all_of_them.nodes;
    let (heard_by_a, heard_by_b) = (
        a.listen("cluster.*").await.gather(),
        b.listen("cluster.*").await.gather(),
    );
    let mut collected = Vec::new();
    for node in [a, b, c] {
        collected.push(node.listen("custom.load").await.gather());
    }
    let mut loads = [
        Load::new(a, "a", "load"),
        Load::new(b, "b", "load"),
        Load::new(c, "c", "load"),
    ];
    all_of_them.machines[1].plugged(false);
    heard_by_a.about("cluster.unreachable", "b").await;
    heard_by_b.about("cluster.unreachable", "a").await;
    heard_by_b.about("cluster.unreachable", "c").await;
    for load in &mut loads {
        load.publish(250).await;
    }
    // The others go on.
    let beside = collected[0].until_count(500).await;
    assert_eq!(numbers(&beside), all([("a", 250), ("c", 250)]));
    assert_eq!(
        a.until_node("c", |_| true).await.state,
        NodeState::Connected
    );

    all_of_them.machines[1].plugged(true);
    linked(&[a, b, c]).await;
    for collected in &collected {
        let events = collected.until_count(750).await;
        assert_eq!(numbers(&events), all([("a", 250), ("b", 250), ("c", 250)]));
    }
    for node in [a, b, c] {
        for link in node.nodes().await.into_iter().filter_map(|node| node.link) {
            assert_eq!((link.dropped, link.gaps), (0, 0));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn late_and_lost_packets_lose_no_events() {
    if !available() {
        return;
    }
    let all_of_them = Machines::start().await;
    let [a, b, c] = &all_of_them.nodes;
    let mut collected = Vec::new();
    for node in [a, b, c] {
        collected.push(node.listen("custom.load").await.gather());
    }
    for machine in &all_of_them.machines {
        machine.suffers("delay 20ms 10ms loss 2%");
    }
    let mut loads = [
        Load::new(a, "a", "load"),
        Load::new(b, "b", "load"),
        Load::new(c, "c", "load"),
    ];
    let [from_a, from_b, from_c] = &mut loads;
    tokio::join!(
        from_a.publish_paced(500, &collected[1]),
        from_b.publish_paced(500, &collected[2]),
        from_c.publish_paced(500, &collected[0]),
    );
    for collected in &collected {
        let events = collected.until_count(1500).await;
        assert_eq!(numbers(&events), all([("a", 500), ("b", 500), ("c", 500)]));
    }
}
