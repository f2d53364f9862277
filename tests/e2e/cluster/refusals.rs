//! Nodes that do not go together are told so, on both sides.

use hearken::admin::NodeState;
use hearken::cluster::protocol::frame::Kind;
use hearken::cluster::protocol::refusal::Reason;
use hearken::cluster::protocol::{Hello, Refusal, Resume};

use crate::support::cluster::{linked, node};
use crate::support::load::{Load, all, numbers};
use crate::support::peer::{Peer, connect, hello};
use crate::support::process::NodeProcess;

/// The refusal that follows on such a Hello.
async fn refused(node: &NodeProcess, hello: Hello) -> Refusal {
    let mut peer = Peer::over(connect(&node.cluster_address().await).await).await;
    peer.say(Kind::Hello(hello)).await;
    let refusal = peer
        .until(|kind| match kind {
            Kind::Refusal(refusal) => Some(refusal),
            Kind::Hello(_) => None,
            other => panic!("{other:?} instead of a refusal"),
        })
        .await;
    assert!(peer.hear().await.is_none(), "nothing follows a refusal");
    refusal
}

/// Waits until the nodes' logs have a line with all of these.
async fn all_say(nodes: &[&NodeProcess], texts: &[&str]) {
    for node in nodes {
        node.says(texts).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_of_one_name_do_not_link() {
    let first = node("twin").start().await;
    let address = first.cluster_address().await;
    let second = node("twin").joins(&address).start().await;
    all_say(
        &[&first, &second],
        &[
            "\"ERROR\"",
            "two running nodes are named `twin`",
            &address,
            "give one of them another --node",
        ],
    )
    .await;
    assert_eq!(first.nodes().await.len(), 1);
    assert_eq!(second.nodes().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_free_when_its_node_is_gone() {
    let a = node("a").start().await;
    let address = a.cluster_address().await;
    let first = node("twin").joins(&address).start().await;
    linked(&[&a, &first]).await;
    let second = node("twin").joins(&address).start().await;
    all_say(
        &[&a, &second],
        &[
            "\"ERROR\"",
            "two running nodes are named `twin`",
            "give one of them another --node",
        ],
    )
    .await;
    let present = a.until_state("twin", NodeState::Connected).await;
    assert_eq!(present.incarnation, first.itself().await.incarnation);
    let linked_to = second.nodes().await.into_iter();
    let linked_to = linked_to.filter(|node| node.state == NodeState::Connected);
    assert_eq!(linked_to.count(), 0);

    let heard = a.listen("cluster.*").await.gather();
    first.kill().await;
    linked(&[&a, &second]).await;
    heard.about("cluster.joined", "twin").await;
    let told: Vec<_> = heard
        .so_far()
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(told, ["cluster.unreachable", "cluster.joined"]);
    let events = second.listen("custom.load").await.gather();
    Load::new(&a, "a", "load").publish(10).await;
    assert_eq!(numbers(&events.until_count(10).await), all([("a", 10)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_different_clusters_do_not_link() {
    let a = node("a").start().await;
    let joining = node("b").joins(&a.cluster_address().await);
    let b = joining.with(&["--cluster-name", "shop"]).start().await;
    all_say(
        &[&a, &b],
        &[
            "\"ERROR\"",
            "belongs to cluster",
            "`shop`",
            "`hearken`",
            "give both the same --cluster-name",
        ],
    )
    .await;
    assert_eq!((a.nodes().await.len(), b.nodes().await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn incompatible_versions_do_not_link() {
    let a = node("a").start().await;
    for (major, minor) in [(0, 2), (1, 0)] {
        let mut newer = hello("newer");
        newer.major += major;
        newer.minor += minor;
        let version = format!("version {}.{}", newer.major, newer.minor);
        let refusal = refused(&a, newer).await;
        assert_eq!(refusal.reason(), Reason::Version);
        for text in ["node `newer`", &version, "one minor version at a time"] {
            assert!(refusal.message.contains(text), "{refusal:?}");
        }
        a.says(&["\"ERROR\"", "refused a node", &version]).await;
    }
    assert_eq!(a.nodes().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_node_is_told_what_is_wrong() {
    let a = node("a").start().await;
    type Change = fn(&mut Hello);
    let changes: [(Change, Reason, &str); 5] = [
        (
            |hello| hello.cluster = "shop".into(),
            Reason::Cluster,
            "--cluster-name",
        ),
        (
            |hello| hello.node = "a".into(),
            Reason::Name,
            "another --node",
        ),
        (
            |hello| hello.node = "../a".into(),
            Reason::Protocol,
            "is no name for a node",
        ),
        (
            |hello| hello.incarnation = "1".into(),
            Reason::Protocol,
            "is no UUID",
        ),
        (
            |hello| hello.address = "nowhere".into(),
            Reason::Protocol,
            "is no HOST:PORT",
        ),
    ];
    for (change, reason, text) in changes {
        let mut hello = hello("peer");
        change(&mut hello);
        let refusal = refused(&a, hello).await;
        assert_eq!(refusal.reason(), reason, "{refusal:?}");
        assert!(refusal.message.contains(text), "{refusal:?}");
    }
    let mut peer = Peer::over(connect(&a.cluster_address().await).await).await;
    peer.say(Kind::Resume(Resume::default())).await;
    let hello = peer.hear().await;
    assert!(matches!(hello, Some(Kind::Hello(_))), "{hello:?}");
    a.says(&["it sent Resume instead of Hello"]).await;
    assert_eq!(a.nodes().await.len(), 1);
}
