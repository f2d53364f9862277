//! Plugins that consume channels: each event reaches them at least once, whatever happens.

pub mod failing;
pub mod living;
pub mod moving;
pub mod restarting;
mod sdk;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::api::{Api, answer};
use crate::support::events::Events;
use crate::support::languages::Language;
use crate::support::node::TestNode;
use crate::support::plugin::Plugin;

/// Attempts come one after the other at once, so that tests need not wait.
const AT_ONCE: &str = "backoff = \"1ms\"\nmax_backoff = \"5ms\"\n";

/// The plugin, whose `[consume.orders]` says this.
fn consuming(settings: &str) -> Plugin {
    consuming_in(Language::Rust, settings)
}

/// The same in another language, where which attempt it is is counted by the instance.
fn consuming_in(language: Language, settings: &str) -> Plugin {
    let allowed = "[allow]\nappend = [\"handled\"]\n";
    let consuming = language.guest("consuming");
    consuming.manifest(&format!("{allowed}[consume.orders]\n{settings}"))
}

/// A node with the plugin and its channel.
async fn node(settings: &str) -> TestNode {
    node_in(Language::Rust, settings).await
}

/// The same in another language.
async fn node_in(language: Language, settings: &str) -> TestNode {
    let node = TestNode::start([consuming_in(language, settings)]).await;
    make(&node, "orders").await;
    node
}

/// Makes a channel.
async fn make(api: &Api, channel: &str) {
    let request = api.request(Method::PUT, &format!("/v1/channels/{channel}"));
    let made = answer(request.json(&json!({}))).await;
    assert_eq!(made.status(), StatusCode::CREATED);
}

/// An event for the plugin.
fn order(id: &str, subject: &str, data: Value) -> Value {
    json!({
        "type": "order.placed", "id": id, "source": "/tests", "subject": subject, "data": data
    })
}

/// Appends events to `orders`, all at once; returns the number of the last.
async fn append(api: &Api, events: &[Value]) -> u64 {
    append_to(api, "orders", events).await
}

/// Appends events to a channel, all at once; returns the number of the last.
async fn append_to(api: &Api, channel: &str, events: &[Value]) -> u64 {
    let request = api.request(Method::POST, &format!("/v1/channels/{channel}/events"));
    let request = request
        .header("content-type", "application/cloudevents-batch+json")
        .body(
            Value::from(Vec::from_iter(events.iter().map(|event| {
                let mut event = event.clone();
                event["specversion"] = json!("1.0");
                event
            })))
            .to_string(),
        );
    let response = answer(request).await;
    let status = response.status();
    let receipts: Value = response.json().await.expect("JSON");
    assert!(status.is_success(), "{status}: {receipts}");
    let last = receipts.as_array().and_then(|receipts| receipts.last());
    let number = last.and_then(|receipt| receipt["sequence"].as_u64());
    number.expect("a number")
}

/// What the plugin says of each attempt.
async fn reports(api: &Api) -> Events {
    api.listen("custom.report.consuming").await
}

/// The id of an event and which attempt it was.
fn attempt(report: &Value) -> (String, Option<u64>) {
    let data = &report["data"];
    let id = data["id"].as_str().expect("an id").to_owned();
    (id, data["attempt"].as_u64())
}

/// The next attempts that it reports.
async fn attempts(reports: &mut Events, count: usize) -> Vec<(String, Option<u64>)> {
    let reports = reports.take(count).await;
    reports.iter().map(attempt).collect()
}

/// All events of a channel.
async fn all(api: &Api, channel: &str) -> Vec<Value> {
    let path = format!("/v1/channels/{channel}/events?after=0&limit=1000");
    let page: Value = api.get(&path).await.json().await.expect("a page");
    page["events"].as_array().expect("events").clone()
}

/// Waits until the plugin has handled its channel up to this number.
async fn until_handled(api: &Api, number: u64) {
    until_handled_by(api, "consuming", number).await;
}

/// Waits until a plugin has handled its channel up to this number.
async fn until_handled_by(api: &Api, plugin: &str, number: u64) {
    let handled = |status: &hearken::admin::PluginStatus| {
        let mut consumers = status.consumers.iter();
        consumers.any(|consumer| consumer.after == number && consumer.lag == 0)
    };
    api.until(plugin, handled).await;
}
