//! What plugins may publish and hear, by their manifests and by the node's policy.

use hearken::admin::PluginState;
use serde_json::{Value, json};

use crate::support::node::{TestNode, config};
use crate::support::plugin::{Plugin, plugin};
use crate::support::process::{compiling, run};

fn asking(manifest: &str) -> Plugin {
    plugin("asking").manifest(manifest)
}

/// Asks the plugin for something, and returns what came of it.
async fn ask(node: &TestNode, what: Value) -> Value {
    let mut reports = node.listen("custom.report.asking").await;
    node.send("asking.now", what).await;
    reports.next().await["data"].clone()
}

fn error(report: &Value) -> &str {
    let error = report["error"].as_str();
    error.unwrap_or_else(|| panic!("no error: {report}"))
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_plugin_publishes_and_hears_what_it_may() {
    let manifest = "[allow]\npublish = [\"custom.report.*\", \"custom.yes.*\"]\n\
                    listen = [\"custom.asking.*\", \"custom.answer.*\"]\n";
    let node = TestNode::start([asking(manifest)]).await;
    let status = node.status("asking").await.expect("it is there");
    let listeners: Vec<_> = (status.listeners.iter())
        .map(|listener| listener.pattern.as_str())
        .collect();
    assert_eq!(
        listeners,
        ["custom.asking.*"],
        "the other half is not heard"
    );
    let withheld: Vec<_> = (status.rights.withheld.iter())
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        withheld,
        ["listen custom.{asking,other}.* (handle), but for custom.asking.*"]
    );

    let sent = ask(&node, json!({ "send": "yes.it.may" })).await;
    assert!(sent["done"].is_string(), "{sent}");
    let refused = ask(&node, json!({ "send": "no" })).await;
    let why = error(&refused);
    assert!(
        why.contains("publish `custom.no`") && why.contains("asking.toml"),
        "{why}"
    );

    let refused = ask(&node, json!({ "wait": "plugin.*" })).await;
    assert!(error(&refused).contains("listen `plugin.*`"), "{refused}");
    // It asks for more than it may hear, and hears what it may.
    let mut reports = node.listen("custom.report.asking*").await;
    node.send("asking.now", json!({ "wait": "custom.*" })).await;
    assert_eq!(reports.next().await["type"], "custom.report.asking.waits");
    // Registered a moment after it has said so: until it is heard, both are sent.
    let heard = loop {
        node.send("secret", 1).await;
        node.send("answer.it", 1).await;
        let waited = tokio::time::timeout(std::time::Duration::from_millis(20), reports.next());
        if let Ok(report) = waited.await {
            break report["data"]["done"].clone();
        }
    };
    assert_eq!(heard, "custom.answer.it");
    node.send("other.now", json!({ "send": "yes" })).await;
    let status = node.status("asking").await.expect("it is there");
    assert_eq!(status.counters.refused, 2);
    assert_eq!(status.counters.failed, 0, "{:?}", status.last_error);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_stands_above_every_manifest_and_may_change() {
    let policy = "[policy.default]\npublish = [\"custom.report.*\"]\n\
                  [policy.plugin.free]\npublish = [\"custom.*\"]\n";
    let manifest = "[allow]\npublish = [\"custom.{report,yes}.*\"]\n";
    let plugins = [asking(manifest), asking(manifest).named("free")];
    let node = TestNode::start_under(policy, plugins).await;
    let withheld = async |name: &str| -> Vec<String> {
        let status = node.status(name).await.expect("it is there");
        let withheld = status.rights.withheld.iter();
        withheld.map(ToString::to_string).collect()
    };
    assert_eq!(
        withheld("asking").await,
        ["publish custom.{report,yes}.*, but for custom.report.*"]
    );
    assert_eq!(withheld("free").await, [""; 0]);
    let reports = node.listen("custom.report.asking").await;
    let again = node.listen("custom.report.asking").await;
    node.send("asking.now", json!({ "send": "yes.now" })).await;
    let bound = reports.from("/nodes/test/plugins/asking").next().await;
    assert!(
        error(&bound["data"]).contains("publish `custom.yes.now`"),
        "{bound}"
    );
    let free = again.from("/nodes/test/plugins/free").next().await;
    assert!(free["data"]["done"].is_string(), "{free}");

    let before = node.status("free").await.expect("it is there");
    node.set_policy("[policy.default]\nlisten = []\n[policy.plugin.free]\npublish = [\"custom.*\"]\nlisten = [\"*\"]\n");
    let bound = node
        .until("asking", |status| status.listeners.is_empty())
        .await;
    assert_eq!(bound.state, PluginState::Running);
    assert_eq!(bound.rights.listen, Some(Vec::new()));
    let reports = node.listen("custom.report.asking").await;
    node.send("asking.now", json!({ "send": "yes.now" })).await;
    let free = reports.from("/nodes/test/plugins/free").next().await;
    assert!(free["data"]["done"].is_string(), "{free}");
    let bound = node.status("asking").await.expect("it is there");
    assert_eq!((bound.counters.delivered, bound.counters.queued), (1, 0));
    assert_eq!(before.state, PluginState::Running);
}

/// Has the plugin wait while it may hear and publish everything; the policy then leaves it
/// little before anything comes. Returns what it reports.
async fn bound_while_it_waits(what: Value) -> Value {
    let free = "[policy.default]\npublish = [\"custom.*\"]\nlisten = [\"custom.*\"]\n";
    let node = TestNode::start_under(free, [plugin("asking")]).await;
    let mut reports = node.listen("custom.report.asking*").await;
    node.send("asking.now", what).await;
    assert_eq!(reports.next().await["type"], "custom.report.asking.waits");
    node.set_policy(
        "[policy.default]\npublish = [\"custom.report.*\"]\nlisten = [\"custom.{asking.*,go}\"]\n",
    );
    // It may register its wait only now, and may look at one event while the next comes.
    loop {
        node.send("secret", 1).await;
        node.send("go", 1).await;
        let waited = tokio::time::timeout(std::time::Duration::from_millis(20), reports.next());
        if let Ok(report) = waited.await {
            return report["data"].clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_takes_away_holds_for_the_event_in_hand() {
    let waited = bound_while_it_waits(json!({ "wait": "custom.{secret,go}" })).await;
    assert_eq!(waited["done"], "custom.go", "{waited}");
    let sent = bound_while_it_waits(json!({ "wait": "custom.go", "send": "yes" })).await;
    assert!(error(&sent).contains("publish `custom.yes`"), "{sent}");
}

/// Its manifest gives it an hour for an event, of which the removal of its file takes the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_is_removed_does_not_go_on_with_the_event_in_hand() {
    let folders = tempfile::TempDir::new().expect("a temporary folder");
    let mut config = config(folders.path());
    config.limits.deadline = std::time::Duration::from_millis(200);
    let node = TestNode::start_with(config, folders).await;
    node.place(&asking("[limits]\ndeadline = \"1h\"\n"));
    node.until("asking", |status| status.state == PluginState::Running)
        .await;
    let mut told = node.listen("{custom.report.*,plugin.removed}").await;
    node.send(
        "asking.now",
        json!({ "wait": "custom.never", "for": 3_600_000 }),
    )
    .await;
    assert_eq!(told.next().await["type"], "custom.report.asking.waits");
    node.remove("asking");
    assert_eq!(told.next().await["type"], "plugin.removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_will_not_get_is_shown_before_it_runs() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    asking("[allow]\nhttp = [\"a.example\"]\n").place(folder.path());
    let policy = "[policy.default]\nhttp = []\npublish = [\"custom.report.*\"]\n\
                  [policy.plugin.asking]\nlisten = [\"custom.asking.*\"]\n";
    std::fs::write(folder.path().join("node.toml"), policy).expect("a new file");
    let check = ["plugin", "check", "asking.wasm", "--config", "node.toml"];
    let checked = run(compiling(folder.path(), &check)).await;
    assert_eq!(checked.code, 0, "{checked:?}");
    for part in [
        "listens to\n  custom.asking.* (handle)\n",
        "may\n  publish custom.report.*\n  listen custom.asking.*\n",
        "asks for and may not\n  http a.example\n  \
         listen custom.{asking,other}.* (handle), but for custom.asking.*\n",
    ] {
        assert!(
            checked.stdout.contains(part),
            "{part:?} is not in {checked:?}"
        );
    }
    let check = ["plugin", "check", "asking.wasm"];
    let checked = run(compiling(folder.path(), &check)).await;
    assert!(
        checked.stdout.contains("may\n  http a.example\n"),
        "{checked:?}"
    );
    assert!(!checked.stdout.contains("may not"), "{checked:?}");
}
