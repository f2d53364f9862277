//! Plugins that misbehave, each beside a well-behaved one that must miss nothing
//! while they do their worst.

pub mod components;
pub mod denied;
pub mod descriptions;
pub mod files;
pub mod handlers;
pub mod imports;
pub mod memories;
pub mod progress;
pub mod quarantine;
pub mod senders;
mod texts;

use serde_json::{Value, json};

use crate::support::neighbour::Neighbourhood;
use crate::support::plugin::plugin;

/// Limits that are reached soon.
const TIGHT: &str = "[limits]\ndeadline = \"100ms\"\nmemory = \"8MiB\"\n";

/// Hands a guest one event that it fails on, and checks that the failure is
/// reported with the event's id and a reason that has `reason` in it, in the
/// event and in the status, and that the neighbour notices nothing. Returns the
/// data of `plugin.failed`.
async fn fails(guest: &str, event_type: &str, reason: &str) -> Value {
    let mut neighbours = Neighbourhood::of([plugin(guest).manifest(TIGHT)]).await;
    let id = neighbours.publish(&json!({ "type": event_type })).await;
    neighbours.nothing_is_missed().await;
    let failed = neighbours.reports.about("plugin.failed", guest).await;
    let data = &failed["data"];
    assert_eq!(data["plugin"], guest);
    assert_eq!(data["event"], *id);
    let told = data["reason"].as_str().expect("a reason");
    assert!(told.contains(reason), "{told}");
    let status = neighbours
        .until(guest, |status| status.counters.failed == 1)
        .await;
    assert_eq!(status.last_error.as_deref(), Some(told));
    assert_eq!(status.counters.delivered, 1);
    neighbours.nothing_is_missed().await;
    data.clone()
}
