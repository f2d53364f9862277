//! How a node ends.

use serde_json::Value;

use crate::support::plugin::{Plugin, plugin};
use crate::support::process::NodeProcess;

/// A plugin that takes a while over each event.
fn slow(name: &str, manifest: &str) -> Plugin {
    plugin("slow").named(name).manifest(manifest)
}

/// Whether a plugin has printed a line.
fn printed(line: &Value, plugin: &str, text: &str) -> bool {
    line["plugin"] == plugin
        && line["message"]
            .as_str()
            .is_some_and(|message| message.contains(text))
}

fn says(line: &Value, text: &str) -> bool {
    line["message"]
        .as_str()
        .is_some_and(|message| message.contains(text))
}

/// A node whose plugin `a-slow` has an event in hand.
async fn busy(manifest: &str, arguments: &[&str]) -> NodeProcess {
    let watcher = slow("z-watcher", "subscribe = [\"plugin.stopped\"]");
    let node = NodeProcess::start(
        [slow("a-slow", manifest), plugin("echo"), watcher],
        arguments,
    )
    .await;
    let mut begun = node.listen("custom.report.slow").await;
    node.send("slow.work", 1).await;
    begun.next().await;
    node
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_signal_drains_the_node() {
    for signal in ["TERM", "INT"] {
        let node = busy("[config]\nmillis = 300\n", &[]).await;
        for number in 0..3 {
            node.send("slow.work", number).await;
        }
        node.signal(signal).await;
        let (code, log) = node.ended().await;
        assert_eq!(code, 0, "{log:#?}");
        let finished = log
            .iter()
            .filter(|line| printed(line, "a-slow", "finished custom.slow.work"))
            .count();
        assert_eq!(finished, 4, "what was in hand and what waited: {log:#?}");
        // Those that still run see who stops.
        let seen = log
            .iter()
            .any(|line| printed(line, "z-watcher", "finished plugin.stopped echo"));
        assert!(seen, "{log:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_node_at_once() {
    let endless = "[limits]\ndeadline = \"1h\"\n[config]\nmillis = 3600000\n";
    for (signal, expected) in [("TERM", 143), ("INT", 130)] {
        let node = busy(endless, &["--shutdown-timeout", "1h"]).await;
        node.signal(signal).await;
        node.logged(|line| says(line, "a second signal ends the node at once"))
            .await;
        node.signal(signal).await;
        let (code, _) = node.ended().await;
        assert_eq!(code, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn draining_has_a_deadline() {
    let endless = "[limits]\ndeadline = \"1h\"\n[config]\nmillis = 3600000\n";
    let node = busy(endless, &["--shutdown-timeout", "500ms"]).await;
    node.signal("TERM").await;
    let (_, log) = node.ended().await;
    let told = log.iter().any(|line| says(line, "draining took too long"));
    assert!(told, "{log:#?}");
}
