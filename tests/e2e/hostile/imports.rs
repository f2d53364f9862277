//! Plugins that want more of the host than it grants.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::DEADLINE;
use crate::support::neighbour::Neighbourhood;
use crate::support::plugin::plugin;

/// Handles that a guest may have at once.
const MAX_HANDLES: u64 = 256;

/// For how long the guest is at it for each event.
const ACT_MILLIS: u64 = 50;

/// How long it is waited for what the guest dies of before it is sent the event again.
const AGAIN: Duration = Duration::from_secs(1);

async fn beside(manifest: &str) -> Neighbourhood {
    Neighbourhood::of([plugin("greedy").manifest(manifest)]).await
}

/// Has the guest do something; returns how often it could.
async fn act(neighbours: &Neighbourhood, what: &str) -> u64 {
    let mut reports = neighbours.listen("custom.report.greedy").await;
    let event_type = format!("greedy.{what}");
    let data = json!({ "millis": ACT_MILLIS });
    neighbours.send(&event_type, data).await;
    let report = reports.next().await;
    assert_eq!(report["data"]["what"], what);
    report["data"]["calls"].as_u64().expect("a number")
}

/// Has the guest ask for too much, which it dies of.
async fn dies(what: &str, reason: &str) {
    let mut neighbours = beside("").await;
    let dying = async {
        loop {
            // On a busy machine it may not come so far in its time.
            let data: Value = json!({ "millis": ACT_MILLIS });
            neighbours.send(&format!("greedy.{what}"), data).await;
            let failed = neighbours.reports.about("plugin.failed", "greedy");
            if let Ok(failed) = timeout(AGAIN, failed).await {
                return failed;
            }
        }
    };
    let failed = timeout(DEADLINE, dying).await.expect("it dies of it");
    let told = failed["data"]["reason"].as_str().expect("a reason");
    assert!(told.contains(reason), "{told}");
    neighbours.nothing_is_missed().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_request_that_is_over_leaves_no_handle() {
    let mut neighbours = beside("").await;
    let mut requests = 0;
    while requests <= 4 * MAX_HANDLES {
        requests += act(&neighbours, "http-send").await;
    }
    let status = neighbours.status("greedy").await.expect("it is there");
    assert_eq!(status.counters.failed, 0, "{:?}", status.last_error);
    assert_eq!(status.counters.restarts, 0);
    neighbours.nothing_is_missed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_are_few() {
    dies("http-handles-beyond", "resource table has no free keys").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_are_few() {
    dies("random-beyond", "exceeds limit 65536").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_is_short() {
    dies("poll-beyond", "handle limit exceeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_print_is_short() {
    dies(
        "print-beyond",
        "more with one call than `check-write` allows",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_requests_count_as_memory() {
    const BODY_BYTES: u64 = 128 << 10;
    const LIMIT: u64 = 8 << 20;
    let mut neighbours = beside("[limits]\nmemory = \"8MiB\"\n").await;
    let before = neighbours.status("greedy").await.expect("it is there");
    let bodies = act(&neighbours, "http-held").await;
    assert!(bodies > 0, "some it may have");
    assert!(
        before.memory_bytes + bodies * BODY_BYTES <= LIMIT,
        "{bodies} beside {} bytes",
        before.memory_bytes
    );
    // They are gone with the event.
    let again = act(&neighbours, "http-held").await;
    assert!(again > bodies / 2, "{again} after {bodies}");
    let status = neighbours
        .until("greedy", |status| status.counters.delivered == 2)
        .await;
    assert_eq!(status.counters.failed, 0, "{:?}", status.last_error);
    assert!(status.memory_bytes <= LIMIT, "{status:?}");
    neighbours.nothing_is_missed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_costs_its_budget_like_sending() {
    // It goes on until a wait is refused.
    let mut neighbours = beside("[limits]\ndeadline = \"1m\"\n").await;
    assert!(act(&neighbours, "wait-refused").await > 0);
    let status = neighbours
        .until("greedy", |status| status.counters.delivered == 1)
        .await;
    assert_eq!(status.counters.failed, 0, "{:?}", status.last_error);
    assert!(status.counters.refused > 0, "{status:?}");
    neighbours.nothing_is_missed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_on_its_way_into_the_store_counts_as_memory() {
    let manifest = |memory: &str| {
        format!("[limits]\nmemory = \"{memory}\"\n[allow]\nkeyvalue = [\"greedy\"]\n")
    };
    // A megabyte for the guest itself and one for the value leave no third.
    let mut neighbours = beside(&manifest("3MiB")).await;
    neighbours
        .send("greedy.set-large", json!({ "millis": 0 }))
        .await;
    let failed = neighbours.reports.about("plugin.failed", "greedy").await;
    let told = failed["data"]["reason"].as_str().expect("a reason");
    assert!(told.contains("no memory is left"), "{told}");
    neighbours.place_manifest("greedy", &manifest("4MiB"));
    neighbours.reports.about("plugin.reloaded", "greedy").await;
    assert_eq!(act(&neighbours, "set-large").await.min(1), 1);
    neighbours.nothing_is_missed().await;
}
