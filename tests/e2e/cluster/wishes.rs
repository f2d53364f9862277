//! What a node wants of others may be much, long, and change all the time: links stay up.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use hearken::admin::NodeState;
use hearken::bus::{self, Bus, BusConfig};
use hearken::clock::SystemClock;
use hearken::cluster::network::{Listener, Tcp, TcpAcceptor};
use hearken::cluster::protocol::frame::Kind;
use hearken::cluster::protocol::{Ack, Filter, Hello, Interest, Ping, Pong, Resume};
use hearken::cluster::{Cluster, ClusterConfig, Identity};
use hearken::event::{Draft, EventType, Pattern};
use hearken::passing::{Foreknown, Hosting};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::support::cluster::{linked, node};
use crate::support::gate::{Cable, Fault};
use crate::support::peer::{Peer, connect, hello};
use crate::support::plugin::plugin;
use crate::support::process::NodeProcess;

/// As long as a subject may be.
const LONGEST: usize = 4096;

fn subject(number: usize, length: usize) -> String {
    format!("{number:0>length$}")
}

fn event(subject: &str) -> Value {
    json!({ "type": "wanted", "subject": subject, "distributed": true })
}

/// Checks that no link was lost and none was made again.
async fn never_lost(nodes: &[&NodeProcess]) {
    for node in nodes {
        let mut states = node.nodes().await.into_iter().map(|other| other.state);
        assert!(states.all(|state| matches!(state, NodeState::This | NodeState::Connected)));
        for line in node.log() {
            let message = line["message"].as_str().unwrap_or_default();
            assert!(!["link lost", "linked again"].contains(&message), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_with_long_subjects_cut_no_link() {
    let a = node("a").start().await;
    let b = node("b").joins(&a.cluster_address().await).start().await;
    linked(&[&a, &b]).await;
    let path = |number, length| {
        let subject = subject(number, length);
        format!("/v1/wait?type=custom.wanted&timeout=60s&subject={subject}")
    };
    // No event has a subject of 60 KB.
    let refused = join_all((0..40).map(async |number| b.get(&path(number, 60_000)).await)).await;
    for answer in refused {
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let problem: Value = answer.json().await.expect("a problem");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains("4096"))
        );
    }
    // In all far more than a list may have.
    const WAITS: usize = 120;
    let waits = (0..WAITS).map(|number| {
        let (api, path) = ((*b).clone(), path(number, LONGEST));
        tokio::spawn(async move { api.get(&path).await.status() })
    });
    let waits: Vec<_> = waits.collect();
    b.receivers("waiter", WAITS as u64).await;
    // Answers when the other node knows what is wanted here.
    let _stream = b.listen("custom.unrelated").await;
    for number in 0..WAITS {
        a.publish(&event(&subject(number, LONGEST))).await;
    }
    for answered in join_all(waits).await {
        assert_eq!(answered.expect("it does not panic"), StatusCode::OK);
    }
    never_lost(&[&a, &b]).await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_plugin_with_long_listeners_cuts_no_link() {
    let a = node("a").start().await;
    let b = node("b").plugins([plugin("describe-long")]);
    let b = b.joins(&a.cluster_address().await).start().await;
    let c = node("c").plugins([plugin("describe-long")]);
    let c = c.joins(&a.cluster_address().await).start().await;
    linked(&[&a, &b, &c]).await;
    let mut reports = Vec::new();
    for node in [&b, &c] {
        reports.push(node.listen("custom.report.describe-long").await);
    }
    a.publish(&json!({ "type": "describe-long", "distributed": true }))
        .await;
    for reports in &mut reports {
        assert_eq!(reports.next().await["data"], "a");
    }
    never_lost(&[&a, &b, &c]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_links_over_a_slow_line() {
    let cable = Cable::new();
    let gate = cable.gate().await;
    let a = node("a").behind(&gate).start().await;
    cable.fails(Fault::Refused);
    let b = node("b").joins(&gate.address).start().await;
    // A list that takes the line several times as long as a handshake may.
    let streams = (0..40).map(async |number| {
        let subject = subject(number, LONGEST);
        let filter = [("type", "custom.wanted"), ("subject", &*subject)];
        b.listen_with(&filter).await
    });
    let mut streams = join_all(streams).await;
    cable.fails(Fault::Slow(32 << 10));
    linked(&[&a, &b]).await;
    a.publish(&event(&subject(39, LONGEST))).await;
    streams[39].next().await;
    never_lost(&[&a, &b]).await;
}

/// A node in this process, as far as other nodes see it.
struct Local {
    bus: Bus,
    address: String,
    leave: CancellationToken,
}

impl Local {
    async fn start() -> Self {
        let incarnation = uuid::Uuid::now_v7();
        let bus = Bus::new(BusConfig {
            node: "local".into(),
            incarnation: incarnation.to_string(),
            max_event_bytes: 1 << 20,
            clock: Arc::new(SystemClock),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let listener = TcpAcceptor::new(listener).expect("it is bound");
        let address = listener.address().to_string();
        let cluster = Cluster::new(ClusterConfig {
            identity: Identity {
                cluster: "hearken".into(),
                node: "local".into(),
                incarnation,
                version: "0.0.0".into(),
                max_event_bytes: 1 << 20,
            },
            bus: bus.clone(),
            network: Arc::new(Tcp),
            listener: Box::new(listener),
            tls: None,
            allow_plaintext: false,
            advertise: None,
            join: Vec::new(),
            hosting: Hosting::default(),
            foreknown: Foreknown::default(),
            seed: 1,
        });
        let leave = CancellationToken::new();
        tokio::spawn(cluster.run(leave.clone()));
        Self {
            bus,
            address,
            leave,
        }
    }

    fn publish(&self, number: u64) {
        let draft = Draft {
            subject: Some(number.to_string().into()),
            distributed: true,
            ..Draft::new(EventType::custom("ask").expect("a type"))
        };
        let publisher = self.bus.publisher("/nodes/local/plugins/asker", "asker");
        publisher.publish(&draft).expect("a valid event");
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.leave.cancel();
    }
}

/// Links by hand, as a node that wants `custom.ask`; returns how far the other side says
/// that it has come.
async fn link_by_hand(local: &Local, hello: &Hello, resume: Resume) -> Peer {
    let mut peer = Peer::over(connect(&local.address).await).await;
    peer.say(Kind::Hello(hello.clone())).await;
    let filter = Filter {
        pattern: "custom.ask".to_owned(),
        ..Filter::default()
    };
    let interest = Interest {
        version: 1,
        filters: vec![filter],
    };
    peer.say(Kind::Resume(Resume {
        interest: Some(interest),
        ..resume
    }))
    .await;
    peer.until(|kind| matches!(kind, Kind::InterestKnown(_)).then_some(()))
        .await;
    peer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_leaves_before_what_is_published_after_it() {
    let local = Local::start().await;
    let resume = Resume {
        sending: 1,
        attempt: 1,
        ..Resume::default()
    };
    let mut peer = link_by_hand(&local, &hello("peer"), resume).await;
    let mut wished = BTreeSet::new();
    let mut heard = 0;
    let mut waiters = Vec::new();
    for number in 1..=200 {
        // As whoever asks a question does.
        let filter = bus::Filter {
            subject: Some(number.to_string().into()),
            ..bus::Filter::new(Pattern::new("custom.answer").expect("a pattern"))
        };
        waiters.push(local.bus.wait_for(filter));
        local.publish(number);
        // Now and then several at once.
        while number % 3 == 0 && heard < number {
            let subjects = |filters: Vec<Filter>| {
                let subjects = filters.into_iter().filter_map(|filter| filter.subject);
                subjects.collect::<Vec<_>>()
            };
            match peer.hear().await.expect("the stream goes on") {
                Kind::Interest(interest) => {
                    wished = subjects(interest.filters).into_iter().collect();
                }
                Kind::InterestChange(change) => wished.extend(subjects(change.added)),
                Kind::Events(events) => {
                    let run = events.runs.last().expect("a run");
                    let last = run.first + u64::from(run.count) - 1;
                    for asked in heard + 1..=last {
                        assert!(wished.contains(&asked.to_string()), "{asked} of {wished:?}");
                    }
                    heard = last;
                }
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_forgotten_another_gets_nothing_twice() {
    let local = Local::start().await;
    let hello = hello("peer");
    let resume = |attempt| Resume {
        sending: attempt,
        attempt,
        ..Resume::default()
    };
    let mut peer = link_by_hand(&local, &hello, resume(1)).await;
    for number in 1..=3 {
        local.publish(number);
        let first = peer
            .until(|kind| match kind {
                Kind::Events(events) => Some(events.runs[0].first),
                _ => None,
            })
            .await;
        assert_eq!(first, number);
    }
    peer.say(Kind::Ack(Ack { received: 1 })).await;
    peer.say(Kind::Ping(Ping { token: 7 })).await;
    peer.until(|kind| matches!(kind, Kind::Pong(Pong { token: 7 })).then_some(()))
        .await;
    drop(peer);

    // It says that it received nothing of any stream.
    let mut peer = Peer::over(connect(&local.address).await).await;
    peer.say(Kind::Hello(hello)).await;
    peer.say(Kind::Resume(resume(2))).await;
    let skip = peer
        .until(|kind| match kind {
            Kind::Skip(skip) => Some(skip),
            Kind::Events(events) => panic!("it may have had them: {events:?}"),
            _ => None,
        })
        .await;
    assert_eq!((skip.after, skip.unsure), (3, 2));
    local.publish(4);
    let first = peer
        .until(|kind| match kind {
            Kind::Events(events) => Some(events.runs[0].first),
            _ => None,
        })
        .await;
    assert_eq!(first, 4);
}
