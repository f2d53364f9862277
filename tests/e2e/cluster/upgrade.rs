//! A node of the previous minor version of the protocol, as it was.

use std::path::Path;

use hearken::admin::NodeState;
use hearken::cluster::protocol::frame::Kind;
use hearken::cluster::protocol::{Frame, Interest, InterestKnown};
use hearken_wire::EventRef;
use prost::Message;
use serde_json::{Value, json};

use crate::support::cluster::node;
use crate::support::guests::checkout;
use crate::support::peer::{Peer, connect};

/// One line of a conversation.
#[derive(Debug)]
enum Line {
    /// The old node sent this frame.
    Said(Frame),
    /// It waited for a frame of this kind.
    Heard(String),
    /// The test does what has this name.
    Meanwhile(String),
}

fn conversation(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).expect("it is kept with the tests");
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parse = |line: &str| {
        let (word, rest) = line.split_once(' ').expect("a word and more");
        let argument = rest.split('#').next().unwrap_or_default().trim();
        match word {
            "said" => Line::Said(Frame::decode(&*bytes(argument)).expect("a frame")),
            "heard" => Line::Heard(argument.to_owned()),
            "meanwhile" => Line::Meanwhile(argument.to_owned()),
            _ => panic!("{line:?}"),
        }
    };
    lines.map(parse).collect()
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.as_bytes().chunks(2);
    let byte = |digits: &[u8]| {
        let digits = str::from_utf8(digits).ok();
        digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())
    };
    digits
        .map(|digits| byte(digits).expect("hexadecimal digits"))
        .collect()
}

/// A frame in words, for as much of it as does not differ from one run to another;
/// nothing for frames that may come at any time.
fn described(kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::Hello(hello) => format!("hello of {}", hello.node),
        Kind::Resume(resume) => format!("resume behind {}", resume.received),
        Kind::Ack(ack) => format!("ack {}", ack.received),
        Kind::Pong(pong) => format!("pong {}", pong.token),
        Kind::Events(events) => {
            let mut told = String::from("events");
            for run in &events.runs {
                let mut rest = &*run.events;
                for number in (run.first..).take(run.count as usize) {
                    let (event, behind) = EventRef::take(rest).expect("a packed event");
                    rest = behind;
                    let origin = event.origin();
                    told.push_str(&format!(" {number} {} of {origin}", event.event_type()));
                }
                assert!(rest.is_empty(), "{run:?}");
            }
            told
        }
        Kind::InterestKnown(known) => format!("interest {} known", known.version),
        Kind::Ping(_) | Kind::Gossip(_) | Kind::Interest(_) => return None,
        Kind::InterestChange(_)
        | Kind::Skip(_)
        | Kind::Channels(_)
        | Kind::Refusal(_)
        | Kind::Goodbye(_) => {
            panic!("a node of version 1.1 is not told {kind:?}")
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_version_1_1_takes_part() {
    let new = node("new").start().await;
    let arrived = new.listen("custom.old.*").await.gather();
    let heard = new.listen("cluster.*").await.gather();
    let mut old = Peer::over(connect(&new.cluster_address().await).await).await;
    let lines = conversation(&checkout().join("tests/e2e/cluster/conversation-1.1.txt"));
    let mut last_said = None;
    for line in lines {
        match line {
            Line::Said(frame) => {
                last_said.clone_from(&frame.kind);
                old.send(frame).await;
            }
            Line::Heard(wanted) => {
                let told = loop {
                    let kind = old.hear().await.expect("the stream goes on");
                    // Which version that is depends on what listens there.
                    if let Kind::Interest(Interest { version, .. }) = kind {
                        old.say(Kind::InterestKnown(InterestKnown { version }))
                            .await;
                    }
                    if let Some(told) = described(&kind) {
                        break told;
                    }
                };
                assert_eq!(told, wanted);
            }
            Line::Meanwhile(act) => match &*act {
                "an event is published" => {
                    new.publish(&json!({ "type": "new.made", "distributed": true }))
                        .await;
                }
                "new listeners come" => {
                    let _stream = new.listen("custom.further").await;
                }
                other => panic!("{other:?} is not known"),
            },
        }
    }
    assert!(matches!(last_said, Some(Kind::Goodbye(_))), "{last_said:?}");

    let seen = new.until_state("old", NodeState::Left).await;
    assert_eq!((&*seen.version, &*seen.address), ("0.1.0", "127.0.0.1:1"));
    let link = seen.link.expect("there was one");
    assert_eq!(
        (link.received, link.sent, link.gaps, link.dropped),
        (7, 2, 2, 0)
    );
    let events = arrived.until_count(7).await;
    let data: Vec<&Value> = events.iter().map(|event| &event["data"]).collect();
    assert_eq!(data, [1, 2, 3, 4, 5, 8, 9]);
    for event in &events {
        assert_eq!(
            (&event["origin"], &event["localorigin"]),
            (&"old".into(), &false.into())
        );
        assert_eq!(event["source"], "/nodes/old/clients/http");
    }
    heard.about("cluster.left", "old").await;
    let told: Vec<_> = heard
        .so_far()
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(told, ["cluster.joined", "cluster.gap", "cluster.left"]);
    let gap = &heard.so_far()[1]["data"];
    assert_eq!(
        (&gap["first"], &gap["last"], &gap["count"]),
        (&6.into(), &7.into(), &2.into())
    );
}
