//! A node of the version before, whose sessions are its own, beside two of this one.

use hearken::admin::NodeState;
use hearken::cluster::protocol::frame::Kind;
use hearken::cluster::protocol::{
    ChannelHeld, Channels, Filter, Hello, Interest, InterestKnown, Ping, Pong, Resume,
};
use hearken_wire::EventRef;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::sessions::Session;
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

/// Links the old node, on which the log lies, with a new one. What it hears first of events
/// there.
async fn link(old: &Hello, new: &NodeProcess) -> AbortOnDropHandle<String> {
    let link = Peer::over(connect(&new.cluster_address().await).await).await;
    link.say(Kind::Hello(old.clone())).await;
    let marked = Filter {
        pattern: MARKED.to_owned(),
        ..Filter::default()
    };
    link.say(Kind::Resume(Resume {
        sending: 1,
        attempt: 1,
        interest: Some(Interest {
            version: 1,
            filters: vec![marked],
        }),
        ..Resume::default()
    }))
    .await;
    let log = ChannelHeld {
        name: LOG.to_owned(),
        epoch: "oldnodes".to_owned(),
    };
    link.say(Kind::Channels(Channels {
        whole: true,
        held: vec![log],
        ..Channels::default()
    }))
    .await;
    let first = AbortOnDropHandle::new(tokio::spawn(first_event(link)));
    new.until_state(&old.node, NodeState::Connected).await;
    new.says(&["the node has no sessions", "\"node\":\"a\""])
        .await;
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_node_of_the_version_before_sessions_go_on_among_the_new_ones() {
    let (_folder, file) = configured(&format!("{CONFIGURATION}{ACROSS}"));
    let file = file.display().to_string();
    let one = node("b").with(&["--config", &file]).start().await;
    let two = start("c", &file, &one.cluster_address().await).await;
    let new = [&one, &two];
    linked(&new).await;
    // It does not say that it has sessions, of which it knew nothing.
    let old = Hello {
        sessions: false,
        ..hello("a")
    };
    let firsts = [link(&old, &one).await, link(&old, &two).await];

    let channels = || [chat(1), LIVE.to_owned(), HERE.to_owned()];
    let mut visitors = Vec::new();
    let mut ids = BTreeSet::new();
    for node in new {
        let address = node.url.trim_start_matches("http://");
        let visitor = Roamer::at(address, channels());
        ids.extend(visitor.settled().await.id);
        visitors.push(visitor);
    }
    for number in 1..=6_usize {
        let data = json!({ "by": 0, "n": number });
        let by = number % 2;
        let receipt = publish(new[by], &format!("id-{number}"), &chat(1), &data).await;
        assert_eq!(receipt["sequence"], number);
        assert!(visitors[by].publish(LIVE, json!(number)).await);
    }
    for visitor in &visitors {
        let has_all = |noted: &Noted| {
            [chat(1), LIVE.to_owned()]
                .iter()
                .all(|name| noted.channels[name].publications.len() == 6)
        };
        let noted = visitor.until("having all", has_all).await;
        assert_eq!((noted.visits, noted.wrong), (1, Vec::new()));
    }
    for node in new {
        let waiting = async {
            while present(node).await != ids {
                sleep(POLL).await;
            }
        };
        let waited = timeout(DEADLINE, waiting).await;
        waited.expect("all are seen who are there");
        let all: Vec<_> = ids.iter().cloned().collect();
        assert_eq!(listed(node).await, all);
        // Nobody waits for what the old node does not have.
        let message = json!({ "to": { "all": true }, "data": 1 });
        let sending = node.request(Method::POST, "/v1/sessions/messages");
        let sent = answer(sending.json(&message)).await;
        let sent: Value = sent.json().await.expect("JSON");
        assert_eq!(sent, json!({ "nodes": 2, "sessions": 2, "partial": false }));
        let page: Value = node.get("/v1/sessions").await.json().await.expect("JSON");
        assert_eq!(page["partial"], false);
        let nobody = node.get("/v1/sessions/nobody").await;
        assert_eq!(nobody.status(), StatusCode::NOT_FOUND);
        check_log(node).await;
    }
    // Of all that, nothing was said to the old node, which would not know what it means.
    for (node, first) in new.into_iter().zip(firsts) {
        node.publish(&json!({ "type": "marked", "distributed": true }))
            .await;
        assert_eq!(first.await.expect("it hears"), MARKED);
    }
}

/// Checks that the log, which lies on the old node, is refused for now.
async fn check_log(node: &Api) {
    for (method, parameters) in [
        ("publish", json!({ "channel": LOG, "data": 1 })),
        ("history", json!({ "channel": LOG, "limit": 1 })),
    ] {
        let refused = call(node, method, &parameters).await;
        assert_eq!(refused["error"]["code"], 100, "{method} {refused}");
    }
    let mut session = Session::connect(node, "POST http_stream", json!({})).await;
    let subscribe = json!({ "subscribe": { "channel": LOG }, "id": 2 });
    let refused = session.command(node, subscribe).await;
    assert_eq!(refused["error"]["code"], 100, "{refused}");
    assert_eq!(refused["error"]["temporary"], true, "{refused}");
    let id = session.id().to_owned();
    drop(session);
    until_gone(node, &id).await;
}
