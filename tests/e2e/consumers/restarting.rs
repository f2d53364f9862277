//! Nodes that end amid the plugin's work.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::{all, append, attempts, consuming, make, order, reports, until_handled};
use crate::support::api::{Api, answer};
use crate::support::process::NodeProcess;

/// How often the node is killed.
const KILLS: usize = 5;

/// Events that are appended before each kill.
const EVENTS: usize = 60;

async fn last(api: &Api, channel: &str) -> u64 {
    let request = api.request(Method::GET, &format!("/v1/channels/{channel}"));
    let channel: Value = answer(request).await.json().await.expect("a channel");
    channel["last"].as_u64().expect("a number")
}

/// What the plugin appends has ids that are the same at each attempt, and so is stored once,
/// though it is handed some events twice.
#[tokio::test(flavor = "multi_thread")]
pub async fn from_channel_to_channel_each_event_comes_once_over_kills() {
    let quiet = consuming("").manifest(
        "[allow]\nappend = [\"handled\"]\n[config]\nquiet = \"yes\"\n[consume.orders]\nbackoff = \"10ms\"\n",
    );
    let mut node = NodeProcess::start([quiet], &[]).await;
    for channel in ["orders", "handled"] {
        make(&node, channel).await;
    }
    let mut sent = Vec::new();
    for kill in 0..KILLS {
        let ids: Vec<_> = (0..EVENTS).map(|n| format!("{kill}-{n:02}")).collect();
        let events: Vec<_> = ids
            .iter()
            .enumerate()
            .map(|(n, id)| order(id, &format!("s{}", n % 3), json!({ "do": "append" })))
            .collect();
        append(&node, &events).await;
        sent.extend(ids);
        // Some of them are handled, and the others are not.
        let least = (kill * EVENTS + EVENTS / 4) as u64;
        let some = async {
            while last(&node, "handled").await < least {
                tokio::time::sleep(crate::support::POLL).await;
            }
        };
        tokio::time::timeout(crate::support::DEADLINE, some)
            .await
            .expect("it handles some");
        node = NodeProcess::start_again(node.killed().await, &[]).await;
    }
    until_handled(&node, sent.len() as u64).await;
    let handled = all(&node, "handled").await;
    let ids: Vec<_> = handled
        .iter()
        .map(|event| event["data"].as_str().expect("an id").to_owned())
        .collect();
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "each once");
    assert!(distinct.into_iter().eq(&sent), "and all of them");
    for subject in ["s0", "s1", "s2"] {
        let of_subject = handled.iter().filter(|event| event["subject"] == subject);
        let ids = of_subject.map(|event| event["data"].as_str());
        assert!(ids.is_sorted(), "in order for each subject");
    }
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_node_that_is_stopped_repeats_nothing() {
    let node = NodeProcess::start([consuming("")], &[]).await;
    make(&node, "orders").await;
    let mut reports = reports(&node).await;
    let events = ["o1", "o2"].map(|id| order(id, "a", Value::Null));
    let handled = append(&node, &events).await;
    attempts(&mut reports, 2).await;
    until_handled(&node, handled).await;
    let node = NodeProcess::start_again(node.stopped().await, &[]).await;
    until_handled(&node, handled).await;
    let mut reports = super::reports(&node).await;
    append(&node, &[order("o3", "a", Value::Null)]).await;
    assert_eq!(
        attempts(&mut reports, 1).await,
        [("o3".to_owned(), Some(1))]
    );
}
