//! What plugins append to channels and read of them.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::plugin::plugin;
use crate::support::process::NodeProcess;

const CHANNELS: &str = "[channels.orders]\n[channels.bills]\n[channels.small]\nmax_events = 2\n\
                        [policy.default]\nappend = [\"orders\", \"bills\", \"small\", \"secret\"]\n";

const MANIFEST: &str = "[allow]\nappend = [\"*\"]\nread = [\"orders\", \"order\", \"small\"]\n\
                        publish = [\"custom.report.*\", \"custom.order.*\", \"custom.billed\"]\n";

struct Asked {
    node: NodeProcess,
}

impl Asked {
    async fn start(guest: &str, manifest: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("plugins")).expect("a new folder");
        std::fs::write(folder.path().join("hearken.toml"), CHANNELS).expect("a new file");
        plugin(guest)
            .manifest(manifest)
            .place(&folder.path().join("plugins"));
        let node = NodeProcess::start_again(folder, &[]).await;
        Self { node }
    }

    /// What comes of it.
    async fn ask(&self, what: &str, data: Value) -> Value {
        let mut answers = self.node.listen("custom.report.consumer.asked").await;
        self.node.send(&format!("consumer.{what}"), data).await;
        answers.next().await["data"].clone()
    }

    async fn done(&self, what: &str, data: Value) -> Value {
        let answer = self.ask(what, data).await;
        assert_eq!(answer["error"], Value::Null, "{answer}");
        answer["done"].clone()
    }

    async fn error(&self, what: &str, data: Value) -> String {
        let answer = self.ask(what, data).await;
        let error = answer["error"].as_str();
        error.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

fn numbers(stored: &Value) -> Vec<u64> {
    let stored = stored.as_array().expect("a list").iter();
    let numbers = stored.map(|event| event["sequence"].as_u64());
    numbers.map(|number| number.expect("a number")).collect()
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_plugin_appends_and_reads() {
    let asked = Asked::start("consumer", MANIFEST).await;
    let mut published = asked.node.listen("custom.order.*").await;
    let stored = asked.done("append", json!({ "id": "a", "data": 1 })).await;
    assert_eq!(numbers(&stored), [1]);
    assert_eq!(stored[0]["duplicate"], false);
    let event = published.next().await;
    assert_eq!(event["source"], "/nodes/test/plugins/consumer");
    let place = (&event["id"], &event["channel"], &event["sequence"]);
    assert_eq!(place, (&json!("a"), &json!("orders"), &json!(1)));
    let again = asked.done("append", json!({ "id": "a", "data": 1 })).await;
    let again = (&again[0]["sequence"], &again[0]["duplicate"]);
    assert_eq!(again, (&json!(1), &json!(true)));
    let three = asked.done("append", json!({ "count": 3 })).await;
    assert_eq!(numbers(&three), [2, 3, 4]);
    let id = asked.done("send", json!({ "id": "sent" })).await;
    assert_eq!(id, "sent");
    let conflict = asked.error("append", json!({ "expect": 4 })).await;
    assert!(conflict.starts_with("Conflict { last: 5 }"), "{conflict}");
    asked.done("append", json!({ "expect": 5 })).await;

    let page = asked.done("read", json!({ "after": 1, "limit": 2 })).await;
    let events = json!([
        [2, "custom.order.asked", true],
        [3, "custom.order.asked", true]
    ]);
    assert_eq!(
        page,
        json!({ "events": events, "next": 3, "last": 6, "gap": null })
    );
    let bounds = asked.done("bounds", json!({})).await;
    assert_eq!((&bounds["first"], &bounds["last"]), (&json!(1), &json!(6)));
    assert_eq!(bounds["epoch"], stored[0]["epoch"]);
    let epoch = json!({ "epoch": bounds["epoch"], "after": 6 });
    assert_eq!(asked.done("read", epoch).await["events"], json!([]));
    let other = asked
        .error("read", json!({ "epoch": "0123456789abcdef" }))
        .await;
    assert!(other.starts_with("AnotherLog"), "{other}");
    for wrong in [
        json!({ "after": 7 }),
        json!({ "limit": 0 }),
        json!({ "limit": 1001 }),
    ] {
        let why = asked.error("read", wrong).await;
        assert!(why.starts_with("Invalid"), "{why}");
    }

    let small = json!({ "channel": "small", "count": 3 });
    asked.done("append", small).await;
    let page = asked.done("read", json!({ "channel": "small" })).await;
    assert_eq!((&page["gap"], &page["next"]), (&json!([1, 1]), &json!(3)));
    let status = asked.node.status("consumer").await.expect("it is there");
    assert_eq!(status.counters.failed, 0, "{:?}", status.last_error);
    assert_eq!(status.rights.read, ["orders", "order", "small"]);
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_plugin_appends_and_reads_only_what_it_may() {
    let asked = Asked::start("consumer", MANIFEST).await;
    let missing = asked.error("send", json!({ "channel": "secret" })).await;
    assert_eq!(missing, "there is no channel `secret`");
    let missing = asked.error("read", json!({ "channel": "order" })).await;
    assert!(missing.contains("did you mean `orders`?"), "{missing}");
    // The policy bounds the manifest.
    let denied = asked.error("send", json!({ "channel": "other" })).await;
    assert!(
        denied.contains("append `other`") && denied.contains("consumer.toml"),
        "{denied}"
    );
    for what in ["read", "bounds"] {
        let denied = asked.error(what, json!({ "channel": "bills" })).await;
        assert!(denied.contains("read `bills`"), "{denied}");
    }
    let denied = asked.error("append", json!({ "type": "secret" })).await;
    assert!(denied.contains("publish `custom.secret`"), "{denied}");
    let many = asked.error("append", json!({ "count": 1001 })).await;
    assert!(many.starts_with("TooLarge"), "{many}");
    let bounds = asked.done("bounds", json!({})).await;
    assert_eq!(bounds["last"], 0, "nothing is stored");
    let status = asked.node.status("consumer").await.expect("it is there");
    let withheld: Vec<_> = (status.rights.withheld.iter())
        .map(ToString::to_string)
        .collect();
    assert_eq!(withheld, ["append *, but for orders, bills, small, secret"]);
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_live_event_has_no_attempt_and_gives_no_ids() {
    let asked = Asked::start("consumer-typed", MANIFEST).await;
    let mut reports = asked.node.listen("custom.report.consumer-typed").await;
    for sequence in [1, 2] {
        let data = json!({ "append": 1 });
        asked.node.send("consumer-typed.now", data).await;
        let report = reports.next().await["data"].clone();
        assert_eq!(report["attempt"], Value::Null);
        assert_eq!(report["stored"][0][0], sequence);
        let id = report["stored"][0][1].as_str().expect("an id");
        assert!(!id.contains("consumer-typed"), "{id}");
    }
    let rejected = json!({ "reject": "never" });
    asked.node.send("consumer-typed.now", rejected).await;
    reports.next().await;
    let status = asked
        .node
        .until("consumer-typed", |status| status.counters.failed == 1)
        .await;
    assert_eq!(status.last_error.as_deref(), Some("never"));
    assert_eq!(status.counters.restarts, 0);
}
