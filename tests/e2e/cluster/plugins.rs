//! Plugins of different nodes.

use std::collections::BTreeSet;

use hearken::admin::PluginState;
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
