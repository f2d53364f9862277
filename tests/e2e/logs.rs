//! What the node's log has of its plugins.

use serde_json::Value;

use crate::support::plugin::plugin;
use crate::support::process::NodeProcess;

fn of<'a>(plugin: &str, text: &str) -> impl Fn(&Value) -> bool + use<'a> {
    let (plugin, text) = (plugin.to_owned(), text.to_owned());
    move |line| {
        line["plugin"] == *plugin
            && line["message"]
                .as_str()
                .is_some_and(|message| message.contains(&text))
    }
}

#[tokio::test(flavor = "multi_thread")]
pub async fn logger() {
    let filter = ["--log-filter", "info,hearken::guest=trace"];
    let node = NodeProcess::start([plugin("logger")], &filter).await;
    node.send("logger.talk", 1).await;
    for (text, level) in [
        ("a message of level trace", "TRACE"),
        ("a message of level debug", "DEBUG"),
        ("a message of level info", "INFO"),
        ("a message of level warn", "WARN"),
        ("a message of level error", "ERROR"),
        ("a message of level critical", "ERROR"),
        ("a line on stdout", "INFO"),
        ("a line on stderr", "WARN"),
        ("half a line on stdout", "INFO"),
    ] {
        let line = node.logged(of("logger", text)).await;
        assert_eq!(line["level"], level, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
pub async fn shout() {
    let node = NodeProcess::start([plugin("shout"), plugin("logger")], &[]).await;
    let mut reports = node.listen("custom.report.*").await;
    node.send("shout.now", 1).await;
    node.send("logger.talk", 2).await;
    node.logged(of("logger", "a line on stdout")).await;
    reports
        .until(|event| event["type"] == "custom.report.shout")
        .await;
    let told = node
        .logged(|line| line["plugin"] == "shout" && line["suppressed"].is_u64())
        .await;
    assert!(told["suppressed"].as_u64() > Some(0), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_logged_under_the_plugin_s_name() {
    let guests = ["ungranted-http", "ungranted-kv", "sockets"];
    let node = NodeProcess::start(guests.map(plugin), &[]).await;
    for (guest, refused) in [
        ("ungranted-http", "example.com"),
        ("ungranted-kv", "secrets"),
        ("sockets", "sockets"),
    ] {
        node.send(&format!("{guest}.now"), 1).await;
        let line = node.logged(of(guest, refused)).await;
        assert_eq!(line["level"], "WARN", "{line}");
        assert!(of(guest, "refused")(&line), "{line}");
    }
}
