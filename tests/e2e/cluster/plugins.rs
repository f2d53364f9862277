//! Plugins of different nodes.

use std::collections::BTreeSet;

use hearken::admin::{PluginState, PluginStatus};
use serde_json::json;

use crate::support::cluster::{linked, node, three};
use crate::support::languages::Language;
use crate::support::load::{Load, all, numbers};
use crate::support::plugin::{Plugin, plugin};

#[tokio::test(flavor = "multi_thread")]
pub async fn what_a_plugin_sends_reaches_the_plugins_of_other_nodes() {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let nodes = three(&[plugin("spread"), plugin("attributes")]).await;
    let mut reports = Vec::new();
    for node in &nodes {
        reports.push(node.listen("custom.report.attributes").await);
    }
    for (from, origin) in nodes.iter().zip(["a", "b", "c"]) {
        let request = from
            .request(reqwest::Method::POST, "/v1/events")
            .header("traceparent", trace)
            .json(&json!({ "type": "spread.now", "subject": origin, "data": { "from": origin } }));
        let response = crate::support::api::answer(request).await;
        assert_eq!(response.status(), reqwest::StatusCode::ACCEPTED);
        for (reports, name) in reports.iter_mut().zip(["a", "b", "c"]) {
            let report = reports.next().await;
            assert_eq!(report["origin"], name, "reports are not distributed");
            let got = &report["data"];
            assert_eq!(got["type"], "custom.attributes.spread");
            assert_eq!(got["source"], format!("/nodes/{origin}/plugins/spread"));
            assert_eq!(
                (&got["origin"], &got["subject"]),
                (&origin.into(), &origin.into())
            );
            assert_eq!(got["localorigin"], origin == name);
            assert_eq!(
                (&got["distributed"], &got["data"]["from"]),
                (&true.into(), &origin.into())
            );
            let parent = got["traceparent"].as_str().unwrap_or_default();
            assert!(parent.contains("0af7651916cd43dd8448eb211c80319c"), "{got}");
        }
    }
}

/// A guest in each language, each called by its guest and language.
fn in_all(guest: &str, manifest: &str) -> [Plugin; 3] {
    Language::ALL.map(|language| {
        let name = format!("{guest}-{}", language.name());
        language.guest(guest).named(&name).manifest(manifest)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_sends_reaches_those_of_another_node_in_each_language() {
    let senders = in_all("spread", "");
    let receivers = in_all("recorder", "subscribe = [\"custom.attributes.spread\"]");
    let a = node("a").plugins(senders.clone()).start().await;
    let b = node("b").plugins(receivers.clone());
    let b = b.joins(&a.cluster_address().await).start().await;
    linked(&[&a, &b]).await;
    for (node, plugins) in [(&a, &senders), (&b, &receivers)] {
        for plugin in plugins {
            // A node serves before the engine of a text is ready.
            let runs = |status: &PluginStatus| status.state == PluginState::Running;
            node.until(&plugin.name, runs).await;
        }
    }
    // Answers when the other knows what is wanted here, the plugins' wishes too.
    let mut recorded = b.listen("custom.recorded.*").await;
    let event = json!({ "type": "spread.now", "subject": "tea", "data": { "n": 1 } });
    a.publish(&event).await;
    let reports = recorded.take(senders.len() * receivers.len()).await;
    let told: BTreeSet<_> = reports
        .iter()
        .map(|report| {
            let data = &report["data"];
            assert_eq!(
                (&data["subject"], &data["data"]["n"]),
                (&json!("tea"), &json!(1))
            );
            (report["source"].to_string(), data["source"].to_string())
        })
        .collect();
    let pairs = receivers
        .iter()
        .flat_map(|to| senders.iter().map(move |from| (to, from)));
    let expected: BTreeSet<_> = pairs
        .map(|(to, from)| {
            let to = json!(format!("/nodes/b/plugins/{}", to.name));
            let from = json!(format!("/nodes/a/plugins/{}", from.name));
            (to.to_string(), from.to_string())
        })
        .collect();
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_miss_nothing_of_other_nodes() {
    const EACH: u64 = 200;
    let recorder = plugin("recorder").manifest("subscribe = [\"custom.load\"]");
    let nodes = three(&[recorder]).await;
    let mut recorded = Vec::new();
    for node in &nodes {
        recorded.push(node.listen("custom.recorded.*").await.gather());
    }
    let mut loads =
        [("a", 0), ("b", 1), ("c", 2)].map(|(name, at)| Load::new(&nodes[at], name, "load"));
    let [a, b, c] = &mut loads;
    tokio::join!(a.publish(EACH), b.publish(EACH), c.publish(EACH));
    for recorded in &recorded {
        let reports = recorded.until_count(3 * EACH as usize).await;
        // What the recorder was given, as it tells it.
        let given: Vec<_> = reports
            .into_iter()
            .map(|report| report["data"].clone())
            .collect();
        assert_eq!(
            numbers(&given),
            all([("a", EACH), ("b", EACH), ("c", EACH)])
        );
    }
    for node in &nodes {
        let status = node.status("recorder").await.expect("it is there");
        assert_eq!((status.counters.dropped, status.counters.failed), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_comes_later_is_served_and_one_that_goes_is_not() {
    let [a, b, _c] = three(&[]).await;
    let mut reports = b.listen("{custom.recorded.*,plugin.*}").await;
    let recorder = plugin("recorder").manifest("subscribe = [\"custom.load\"]");
    recorder.place(&b.plugins());
    reports.about("plugin.started", "recorder").await;
    // Answers when the others know what is wanted here, the plugin's wishes too.
    let _stream = b.listen("custom.unrelated").await;
    let mut load = Load::new(&a, "a", "load");
    load.publish(1).await;
    let recorded = reports
        .until(|event| event["type"] == "custom.recorded.custom.load")
        .await;
    assert_eq!(recorded["data"]["id"], "0");
    assert_eq!(a.until_link("b", |link| link.sent > 0).await.sent, 1);

    std::fs::remove_file(b.plugins().join("recorder.wasm")).expect("it was there");
    reports.about("plugin.removed", "recorder").await;
    let mut last = b.listen("custom.last").await;
    load.publish(10).await;
    a.publish(&json!({ "type": "last", "distributed": true }))
        .await;
    last.next().await;
    assert_eq!(a.until_link("b", |_| true).await.sent, 2);
}
