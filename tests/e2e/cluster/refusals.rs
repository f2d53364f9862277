//! Nodes that do not go together are told so, on both sides.

use hearken::admin::NodeState;
use hearken::cluster::protocol::frame::Kind;
use hearken::cluster::protocol::refusal::Reason;
use hearken::cluster::protocol::{Hello, Refusal, Resume};
use tokio::io::AsyncReadExt;

use crate::support::DEADLINE;
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
async fn of_two_nodes_of_one_name_the_later_one_is_linked_for_good() {
    let a = node("a").start().await;
    let address = a.cluster_address().await;
    let first = node("twin").joins(&address).start().await;
    linked(&[&a, &first]).await;
    let heard = a.listen("cluster.*").await.gather();
    let second = node("twin").joins(&address).start().await;
    linked(&[&a, &second]).await;
    // It is the earlier one that is refused, as often as it dials.
    all_say(
        &[&a, &first],
        &[
            "\"ERROR\"",
            "two running nodes are named `twin`",
            "give one of them another --node",
        ],
    )
    .await;
    let present = a.until_state("twin", NodeState::Connected).await;
    assert_eq!(present.incarnation, second.itself().await.incarnation);
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

    // Nor does it come back when nobody answers in its place any more.
    second.kill().await;
    a.until_state("twin", NodeState::Unreachable).await;
    let mut peer = Peer::over(connect(&address).await).await;
    let mut earlier = hello("twin");
    earlier.incarnation = first.itself().await.incarnation;
    peer.say(Kind::Hello(earlier)).await;
    peer.say(Kind::Resume(Resume::default())).await;
    let refusal = peer.until(|kind| match kind {
        Kind::Refusal(refusal) => Some(refusal),
        _ => None,
    });
    assert_eq!(refusal.await.reason(), Reason::Name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_complained_of_once_whatever_it_says_of_itself() {
    let a = node("a").start().await;
    let address = a.cluster_address().await;
    let twin = node("twin").joins(&address).start().await;
    linked(&[&a, &twin]).await;
    for number in 0..5 {
        let mut earlier = hello("twin");
        earlier.incarnation = uuid::Uuid::from_u128(number).to_string();
        earlier.address = format!("192.0.2.{number}:7071");
        let mut peer = Peer::over(connect(&address).await).await;
        peer.say(Kind::Hello(earlier)).await;
        peer.say(Kind::Resume(Resume::default())).await;
        let refusal = peer.until(|kind| match kind {
            Kind::Refusal(refusal) => Some(refusal),
            _ => None,
        });
        assert_eq!(refusal.await.reason(), Reason::Name);
        // The node waits for the end of the connection.
        assert_eq!(peer.hear().await, None);
    }
    a.says(&["\"ERROR\"", "two running nodes"]).await;
    let complaints = |line: &&serde_json::Value| {
        let message = line["message"].as_str();
        message.is_some_and(|message| message.contains("two running nodes"))
    };
    assert_eq!(a.log().iter().filter(complaints).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_makes_no_link_is_closed() {
    let a = node("a").start().await;
    let address = a.cluster_address().await;
    let mut silent = connect(&address).await;
    let mut greeting = Vec::new();
    let closed = tokio::time::timeout(DEADLINE, silent.io.read_to_end(&mut greeting)).await;
    // Closed or cut off, it is over.
    let _ = closed.expect("it is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_text_stays_on_the_machine_wherever_a_name_leads() {
    let a = node("a").start().await;
    // By gossip as by a name: what counts is where it leads.
    let peer = Peer::over(connect(&a.cluster_address().await).await).await;
    let mut away = hello("away");
    away.address = "192.0.2.1:7071".into();
    peer.say(Kind::Hello(away)).await;
    peer.say(Kind::Resume(Resume::default())).await;
    a.until_state("away", NodeState::Connected).await;
    drop(peer);
    a.says(&[
        "192.0.2.1:7071",
        "which is not on this machine",
        "--cluster-allow-plaintext",
    ])
    .await;
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
    }
    // Once, however often and in which version they come.
    a.says(&["\"ERROR\"", "refused a node", "version 1."]).await;
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
    let mut peer = Peer::over(connect(&a.cluster_address().await).await).await;
    // Before it says anything wrong, which may end the stream ahead of what is on its way.
    let heard = peer.hear().await;
    assert!(matches!(heard, Some(Kind::Hello(_))), "{heard:?}");
    peer.say(Kind::Resume(Resume::default())).await;
    a.says(&["it sent Resume instead of Hello"]).await;
    for (change, reason, text) in changes {
        let mut hello = hello("peer");
        change(&mut hello);
        let refusal = refused(&a, hello).await;
        assert_eq!(refusal.reason(), reason, "{refusal:?}");
        assert!(refusal.message.contains(text), "{refusal:?}");
    }
    assert_eq!(a.nodes().await.len(), 1);
}
