//! Channels of real nodes: what is acknowledged is there, whatever happens to the node.

mod commands;
#[cfg(target_os = "linux")]
mod disks;
mod ganomede;
mod kills;
mod nodes;
pub mod plugins;
mod restarts;
mod retention;
mod rights;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::api::{Api, answer};

/// Makes a channel.
async fn make(api: &Api, channel: &str, settings: Value) -> Value {
    let request = api.request(Method::PUT, &format!("/v1/channels/{channel}"));
    let made = answer(request.json(&settings)).await;
    let status = made.status();
    let body: Value = made.json().await.expect("JSON");
    assert_eq!(status, StatusCode::CREATED, "{body}");
    body
}

/// Appends an event with an id of its own.
fn append(api: &Api, channel: &str, id: &str) -> reqwest::RequestBuilder {
    let event = json!({"type": "paid", "id": id, "source": "/tests", "data": {"id": id}});
    let path = format!("/v1/channels/{channel}/events");
    api.request(Method::POST, &path).json(&event)
}

/// The answer to an append that must succeed.
async fn stored(response: Response) -> Value {
    let status = response.status();
    let receipt: Value = response.json().await.expect("JSON");
    assert!(status.is_success(), "{status}: {receipt}");
    receipt
}

/// All events of a channel, by its pages.
async fn all(api: &Api, channel: &str) -> Vec<Value> {
    let mut events = Vec::new();
    let mut after = 0;
    loop {
        let path = format!("/v1/channels/{channel}/events?after={after}&limit=1000");
        let page: Value = api.get(&path).await.json().await.expect("a page");
        assert_eq!(page["gap"], Value::Null, "{page}");
        events.extend(page["events"].as_array().expect("events").iter().cloned());
        after = page["next"].as_u64().expect("a position");
        if page["next"] == page["last"] {
            return events;
        }
    }
}

fn sequences(events: &[Value]) -> Vec<u64> {
    let numbers = events.iter().map(|event| event["sequence"].as_u64());
    numbers.map(|number| number.expect("a number")).collect()
}
