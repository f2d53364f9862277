//! Links with certificates, as the command makes them.

use std::sync::Arc;

use hearken::clock::SystemClock;
use hearken::cluster::protocol::frame::Kind;
use hearken::cluster::protocol::refusal::Reason;
use hearken::cluster::tls::{Tls, TlsFiles};
use tempfile::TempDir;

use crate::support::certificates::Certificates;
use crate::support::cluster::{linked, node};
use crate::support::load::{Load, all, numbers};
use crate::support::peer::{Peer, connect, hello};
use crate::support::process::{hearken, run};

#[tokio::test(flavor = "multi_thread")]
async fn nodes_with_certificates_of_one_authority_exchange_events() {
    let certificates = Certificates::of(&["a", "b", "c"]).await;
    let a = certificates.node("a").start().await;
    let b = certificates
        .node("b")
        .joins(&a.cluster_address().await)
        .start()
        .await;
    let c = certificates
        .node("c")
        .joins(&b.cluster_address().await)
        .start()
        .await;
    linked(&[&a, &b, &c]).await;
    let mut collected = Vec::new();
    for node in [&a, &b, &c] {
        collected.push(node.listen("custom.load").await.gather());
    }
    for (node, name) in [(&a, "a"), (&b, "b"), (&c, "c")] {
        Load::new(node, name, "load").publish(200).await;
    }
    for collected in &collected {
        let events = collected.until_count(600).await;
        assert_eq!(numbers(&events), all([("a", 200), ("b", 200), ("c", 200)]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_different_authorities_do_not_link() {
    let (ours, theirs) = tokio::join!(Certificates::of(&["a"]), Certificates::of(&["b"]));
    let a = ours.node("a").start().await;
    let b = theirs
        .node("b")
        .joins(&a.cluster_address().await)
        .start()
        .await;
    for node in [&a, &b] {
        node.says(&[
            "CA",
            "give all nodes certificates of one CA (`hearken cluster cert`)",
        ])
        .await;
    }
    assert_eq!((a.nodes().await.len(), b.nodes().await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_in_plain_text_is_not_linked() {
    let certificates = Certificates::of(&["a"]).await;
    let a = certificates.node("a").start().await;
    // Each dials the other.
    let b = node("b").joins(&a.cluster_address().await).start().await;
    a.says(&[
        "the TLS handshake of another node failed",
        "does not speak TLS",
        "hearken cluster cert",
    ])
    .await;
    b.says(&["cannot dial a node", "certificates", "hearken cluster cert"])
        .await;
    let c = certificates
        .node("a")
        .joins(&b.cluster_address().await)
        .start()
        .await;
    c.says(&["cannot dial a node", "hearken cluster cert"])
        .await;
    assert_eq!((a.nodes().await.len(), b.nodes().await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_does_not_start_with_the_certificate_of_another() {
    let certificates = Certificates::of(&["a"]).await;
    let folder = TempDir::new().expect("a temporary folder");
    let flags = certificates.flags("a");
    let mut arguments = vec!["run", "--node", "b", "--listen", "127.0.0.1:0"];
    arguments.extend(["--cluster-listen", "127.0.0.1:0"]);
    arguments.extend(flags.iter().map(String::as_str));
    let answer = run(hearken(folder.path(), &arguments)).await;
    assert_ne!(answer.code, 0, "{answer:?}");
    for text in [
        "is for `a`",
        "this node's name is `b`",
        "hearken cluster cert b",
        "--node",
    ] {
        assert!(
            answer.stderr.contains(text),
            "{text:?} is not in {answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_links_under_the_name_of_another() {
    let certificates = Certificates::of(&["a", "mallory"]).await;
    let a = certificates.node("a").start().await;
    let [ca, certificate, key] = certificates.files("mallory");
    let files = TlsFiles {
        ca,
        certificate,
        key,
        crl: None,
    };
    let tls = Tls::load(files, "mallory", Arc::new(SystemClock)).expect("certificates");
    let connection = connect(&a.cluster_address().await).await;
    let secured = tls
        .connect(connection)
        .await
        .expect("a certificate of the authority");
    let mut peer = Peer::over(secured.connection).await;
    peer.say(Kind::Hello(hello("b"))).await;
    let refusal = peer
        .until(|kind| match kind {
            Kind::Refusal(refusal) => Some(refusal),
            _ => None,
        })
        .await;
    assert_eq!(refusal.reason(), Reason::Identity);
    let says = [
        "says that it is `b`",
        "its certificate is not for that name",
        "hearken cluster cert b",
    ];
    for text in says {
        assert!(refusal.message.contains(text), "{refusal:?}");
    }
    a.says(&says).await;
    assert_eq!(a.nodes().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_certificates_are_taken_up_without_a_restart() {
    let (old, new) = tokio::join!(
        Certificates::of(&["a", "b"]),
        Certificates::of(&["a", "b", "c"])
    );
    let a = old.node("a").start().await;
    let address = a.cluster_address().await;
    let b = old.node("b").joins(&address).start().await;
    linked(&[&a, &b]).await;
    // Made by the new authority, which the others do not know.
    let c = new.node("c").joins(&address).start().await;
    c.says(&["certificate is not of a CA that this node trusts"])
        .await;
    assert_eq!(c.nodes().await.len(), 1);

    for name in ["a", "b"] {
        old.replace(name, &new);
    }
    for node in [&a, &b] {
        node.says(&["took new certificates"]).await;
    }
    linked(&[&a, &b, &c]).await;
    let events = c.listen("custom.load").await.gather();
    Load::new(&a, "a", "load").publish(10).await;
    Load::new(&b, "b", "load").publish(10).await;
    let events = events.until_count(20).await;
    assert_eq!(numbers(&events), all([("a", 10), ("b", 10)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_leave_the_machine_unencrypted_only_when_told_so() {
    let folder = TempDir::new().expect("a temporary folder");
    for arguments in [
        &[
            "run",
            "--listen",
            "127.0.0.1:0",
            "--cluster-listen",
            "0.0.0.0:0",
        ][..],
        &[
            "run",
            "--listen",
            "127.0.0.1:0",
            "--cluster-listen",
            "127.0.0.1:0",
            "--join",
            "192.0.2.1:7071",
        ],
    ] {
        let answer = run(hearken(folder.path(), arguments)).await;
        assert_eq!(answer.code, 2, "{answer:?}");
        for text in ["--cluster-allow-plaintext", "hearken cluster ca"] {
            assert!(
                answer.stderr.contains(text),
                "{text:?} is not in {answer:?}"
            );
        }
    }
    let arguments = ["--cluster-listen", "0.0.0.0:0", "--cluster-allow-plaintext"];
    let a = node("a").with(&arguments).start().await;
    let (_, port) = a
        .cluster_address()
        .await
        .rsplit_once(':')
        .map(|(h, p)| (h.to_owned(), p.to_owned()))
        .expect("a port");
    let b = node("b").joins(&format!("127.0.0.1:{port}")).start().await;
    linked(&[&a, &b]).await;
    // Where it is reached shows only when somebody has.
    assert_eq!(a.itself().await.address, format!("127.0.0.1:{port}"));
}
