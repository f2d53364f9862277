//! A disk without room for what is appended.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{all, make};
use crate::support::api::answer;
use crate::support::disk::Disk;
use crate::support::process::NodeProcess;
use crate::support::{DEADLINE, POLL};

/// Bytes of each event's data.
const PAYLOAD: usize = 256 << 10;

/// More events than there is room for.
const TOO_MANY: usize = 400;

/// Appends an event that takes room; returns its number, or the kind of problem.
async fn append(node: &NodeProcess, id: &str) -> Result<u64, (StatusCode, String)> {
    let event = json!({"type": "t", "id": id, "source": "/tests", "data": "x".repeat(PAYLOAD)});
    let request = node.request(reqwest::Method::POST, "/v1/channels/orders/events");
    let response = answer(request.json(&event)).await;
    let status = response.status();
    let body: Value = response.json().await.expect("JSON");
    match body["sequence"].as_u64() {
        Some(number) => Ok(number),
        None => Err((status, body["type"].as_str().unwrap_or_default().to_owned())),
    }
}

async fn holds(node: &NodeProcess, acknowledged: &BTreeMap<String, u64>) {
    let events = all(node, "orders").await;
    let found: BTreeMap<_, _> = events
        .iter()
        .map(|event| (event["id"].as_str(), event["sequence"].as_u64()))
        .collect();
    for (id, number) in acknowledged {
        assert_eq!(found.get(&Some(id.as_str())), Some(&Some(*number)), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_without_room_are_refused_until_there_is_some() {
    let Some(disk) = Disk::mount("64m") else {
        return;
    };
    let data = disk.path().join("data");
    let data = data.to_str().expect("UTF-8");
    let node = NodeProcess::start([], &["--data", data]).await;
    make(&node, "orders", json!({})).await;
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![0; 16 << 20]).expect("there is room");
    let mut acknowledged = BTreeMap::new();
    let mut refused = None;
    for n in 0..TOO_MANY {
        let id = n.to_string();
        match append(&node, &id).await {
            Ok(number) => acknowledged.insert(id, number),
            Err(why) => {
                refused = Some(why);
                break;
            }
        };
    }
    let (status, kind) = refused.expect("there is no room for all");
    assert_eq!(
        (status, kind.as_str()),
        (StatusCode::INSUFFICIENT_STORAGE, "urn:hearken:problem:full")
    );
    assert!(!acknowledged.is_empty());
    holds(&node, &acknowledged).await;

    std::fs::remove_file(&ballast).expect("it was written");
    let healed = async {
        loop {
            match append(&node, "again").await {
                Ok(number) => return number,
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    };
    let number = tokio::time::timeout(DEADLINE, healed).await;
    acknowledged.insert("again".to_owned(), number.expect("it heals by itself"));
    holds(&node, &acknowledged).await;
    let folder = node.stopped().await;
    let node = NodeProcess::start_again(folder, &["--data", data]).await;
    holds(&node, &acknowledged).await;
    node.kill().await;
}
