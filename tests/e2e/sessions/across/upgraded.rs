//! A node of the version before, whose sessions are its own.

use hearken::admin::NodeState;
use hearken::cluster::protocol::frame::Kind;
use hearken::cluster::protocol::{Filter, Hello, Interest, InterestKnown, Ping, Pong, Resume};
use hearken_wire::EventRef;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::support::peer::{Peer, connect, hello};

/// What the old node listens to.
const MARKED: &str = "custom.marked";

/// How often the old node says that it is there.
const PING: Duration = Duration::from_millis(500);

/// The old node hears frames until the first event, whose type this returns. It answers what
/// such a node answers, and says that it is there.
async fn first_event(mut old: Peer) -> String {
    let mut pings = tokio::time::interval(PING);
    loop {
        let heard = tokio::select! {
            heard = old.hear() => heard,
            _ = pings.tick() => {
                old.say(Kind::Ping(Ping { token: 1 })).await;
                continue;
            }
        };
        match heard.expect("the stream goes on") {
            Kind::Interest(Interest { version, .. }) => {
                old.say(Kind::InterestKnown(InterestKnown { version }))
                    .await;
            }
            Kind::InterestChange(change) => {
                let version = change.version;
                old.say(Kind::InterestKnown(InterestKnown { version }))
                    .await;
            }
            Kind::Ping(Ping { token }) => old.say(Kind::Pong(Pong { token })).await,
            Kind::Events(events) => {
                let run = events.runs.first().expect("a run");
                let (event, _) = EventRef::take(&run.events).expect("a packed event");
                return event.event_type().to_owned();
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_node_of_the_version_before_sessions_go_on_by_themselves() {
    let (_folder, file) = configured(&format!("{CONFIGURATION}{ACROSS}"));
    let file = file.display().to_string();
    let new = node("new").with(&["--config", &file]).start().await;
    let old = Peer::over(connect(&new.cluster_address().await).await).await;
    // It does not say that it has sessions, of which it knew nothing.
    let hello = Hello {
        sessions: false,
        ..hello("old")
    };
    old.say(Kind::Hello(hello)).await;
    let marked = Filter {
        pattern: MARKED.to_owned(),
        ..Filter::default()
    };
    old.say(Kind::Resume(Resume {
        sending: 1,
        attempt: 1,
        interest: Some(Interest {
            version: 1,
            filters: vec![marked],
        }),
        ..Resume::default()
    }))
    .await;
    let first = AbortOnDropHandle::new(tokio::spawn(first_event(old)));
    new.until_state("old", NodeState::Connected).await;
    new.says(&["sessions", "old"]).await;

    let address = new.url.trim_start_matches("http://");
    let channels = || [chat(1), LIVE.to_owned(), HERE.to_owned()];
    let visitors = [
        Roamer::at(address, channels()),
        Roamer::at(address, channels()),
    ];
    let mut ids = BTreeSet::new();
    for visitor in &visitors {
        ids.extend(visitor.settled().await.id);
    }
    for number in 1..=5 {
        let data = json!({ "by": 0, "n": number });
        let receipt = publish(&new, &format!("id-{number}"), &chat(1), &data).await;
        assert_eq!(receipt["sequence"], number);
        assert!(visitors[0].publish(LIVE, json!(number)).await);
    }
    for visitor in &visitors {
        let has_all = |noted: &Noted| {
            [chat(1), LIVE.to_owned()]
                .iter()
                .all(|name| noted.channels[name].publications.len() == 5)
        };
        let noted = visitor.until("having all", has_all).await;
        assert_eq!((noted.visits, noted.wrong), (1, Vec::new()));
    }
    assert_eq!(present(&new).await, ids);
    assert_eq!(listed(&new).await, ids.into_iter().collect::<Vec<_>>());
    // Of all that, nothing was said to the old node, which would not know what it means.
    new.publish(&json!({ "type": "marked", "distributed": true }))
        .await;
    assert_eq!(first.await.expect("it hears"), MARKED);
}
