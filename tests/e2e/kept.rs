//! Components that were built against version 0.1.0 of the package, and kept: what they
//! were promised still holds. `tests/guests/data/0.1.0` says how they were made.

use std::time::Duration;

use hearken::admin::PluginState;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::DEADLINE;
use crate::support::events::Events;
use crate::support::guests::checkout;
use crate::support::node::TestNode;
use crate::support::plugin::{Plugin, file};

const KEPT: [(&str, &str); 2] = [
    ("framed", "hearken:plugin/framed-listener@0.1.0"),
    ("typed", "hearken:plugin/listener@0.1.0"),
];

fn kept(name: &str) -> Plugin {
    let folder = checkout().join("tests/guests/data/0.1.0");
    let component = std::fs::read(folder.join(format!("{name}.wasm")));
    file(name, component.expect("it is kept with the tests"))
}

/// An event that tells the plugin what to do.
fn task(id: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/tests", "type": "kept.do.it", "data": data
    })
}

async fn handled(node: &TestNode) -> Events {
    node.listen("custom.kept.handled").await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_as_they_did() {
    for (name, interface) in KEPT {
        let node = TestNode::start([kept(name)]).await;
        let status = node.status(name).await.expect("it is there");
        assert_eq!(
            status.state,
            PluginState::Running,
            "{:?}",
            status.last_error
        );
        assert_eq!(status.interface.as_deref(), Some(interface));

        let mut published = node.listen("custom.kept.do.*").await;
        let mut handled = handled(&node).await;
        let mut event = task("e-1", json!({ "n": 1 }));
        event["subject"] = json!("s");
        event["time"] = json!("2018-04-05T17:31:00Z");
        event["sequence"] = json!("0001");
        event["priority"] = json!(3);
        node.publish_all([event]).await;
        let published = published.next().await;
        assert_eq!(published["time"], "2018-04-05T17:31:00Z");
        let recorded = published["recordedtime"].as_str().expect("a time");
        let recorded = OffsetDateTime::parse(recorded, &Rfc3339).expect("a time");

        let event = handled.next().await;
        assert_eq!(event["source"], format!("/nodes/test/plugins/{name}"));
        let report = &event["data"];
        assert_eq!(
            (&report["id"], &report["subject"]),
            (&json!("e-1"), &json!("s"))
        );
        assert_eq!(report["data"], json!({ "n": 1 }));
        let recorded = recorded.unix_timestamp_nanos() / 1_000_000;
        assert_eq!(report["time"].as_i64().map(i128::from), Some(recorded));
        assert_eq!(report["sequence"], Value::Null);
        let mut extensions = report["extensions"].as_array().expect("a list").clone();
        extensions.sort_by_key(Value::to_string);
        let expected = json!([
            ["priority", "3"],
            ["producersequence", "0001"],
            ["producertime", "2018-04-05T17:31:00Z"]
        ]);
        assert_eq!(Value::from(extensions), expected, "as they travel");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_works_as_it_did() {
    for (name, _) in KEPT {
        let node = TestNode::start([kept(name)]).await;
        let mut handled = handled(&node).await;
        let wait = |millis| json!({ "do": "wait", "for": "custom.kept.answer", "millis": millis });
        node.publish_all([task("late", wait(1))]).await;
        let report = handled.next().await["data"].clone();
        assert_eq!(report["answer"], "no matching event came in time", "{name}");

        node.publish_all([task("early", wait(4_000))]).await;
        let answering = async {
            loop {
                node.send("kept.answer", 1).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let report = tokio::select! {
            event = handled.next() => event["data"].clone(),
            () = answering => unreachable!("it never ends"),
        };
        assert_eq!(report["id"], "early");
        let answer = report["answer"].as_str().expect("an id");
        assert!(!answer.contains(' '), "{name}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_and_deaths_are_told_as_they_were() {
    for (name, _) in KEPT {
        let node = TestNode::start([kept(name)]).await;
        let mut handled = handled(&node).await;
        let mut reports = node.listen("plugin.failed").await;
        let tasks = ["fail", "nothing", "trap", "nothing"].map(|what| json!({ "do": what }));
        let ids = ["e-1", "e-2", "e-3", "e-4"];
        let events = ids.iter().zip(tasks).map(|(id, data)| task(id, data));
        node.publish_all(events).await;
        for (id, expected) in [("e-1", "no to e-1"), ("e-3", "alas, e-3")] {
            let failed = reports.about("plugin.failed", name).await;
            assert_eq!(failed["data"]["event"], id, "{failed}");
            let reason = failed["data"]["reason"].as_str().expect("a reason");
            assert!(reason.contains(expected), "{name}: {reason}");
        }
        for id in ["e-2", "e-4"] {
            assert_eq!(handled.next().await["data"]["id"], id);
        }
        let status = node
            .until(name, |status| status.counters.delivered == 4)
            .await;
        assert_eq!((status.counters.failed, status.counters.restarts), (2, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_amid_slow_events_fails_none() {
    // As many as frames of 1, 2, 4 and so on up to 64 have, and two frames of 64.
    const FAST: u64 = 127 + 2 * 64;
    const SLOW: u64 = 30;
    let with = |name, mailbox| {
        let limits = format!("[limits]\nmailbox = {mailbox}\ndeadline = \"1s\"\n");
        kept(name).manifest(&limits)
    };
    for (name, _) in KEPT {
        let node = TestNode::start([with(name, 1_000)]).await;
        let mut handled = handled(&node).await;
        let mut reports = node.listen("plugin.*").await;
        node.succeed(name, "pause").await;
        let events = (0..FAST + SLOW).map(|number| {
            let data = if number < FAST {
                json!({ "number": number })
            } else {
                json!({ "number": number, "do": "wait", "for": "custom.never", "millis": 100 })
            };
            task(&format!("e-{number}"), data)
        });
        node.publish_all(events).await;
        node.succeed(name, "resume").await;
        for number in 0..=FAST {
            assert_eq!(handled.next().await["data"]["data"]["number"], number);
        }
        node.place(&with(name, 1_001));
        let rest = async {
            for number in FAST + 1..FAST + SLOW {
                let event = handled.next().await;
                if event["data"]["data"]["number"] != number {
                    let failed = reports.about("plugin.failed", name).await;
                    panic!("{name} handled {event}, not {number}: {failed}");
                }
            }
            reports.about("plugin.reloaded", name).await
        };
        tokio::time::timeout(DEADLINE, rest)
            .await
            .expect("all are handled");
        let all = FAST + SLOW;
        let status = node
            .until(name, |status| status.counters.delivered == all)
            .await;
        assert_eq!((status.counters.failed, status.counters.dropped), (0, 0));
    }
}
