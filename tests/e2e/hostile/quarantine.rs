//! What becomes of a plugin that dies again and again.

use hearken::admin::PluginState;

use crate::support::events::Events;
use crate::support::neighbour::Neighbourhood;
use crate::support::plugin::plugin;

/// Deaths in a row that a plugin is allowed.
const DEATHS: u32 = 5;

/// A plugin that traps on all that its neighbour does not want, quarantined.
async fn quarantined() -> Neighbourhood {
    let mut neighbours = Neighbourhood::of([plugin("trap")]).await;
    for number in 0..DEATHS {
        neighbours.send("trap.now", number).await;
    }
    let report = neighbours.reports.about("plugin.quarantined", "trap").await;
    assert_eq!(report["data"]["failures"], DEATHS);
    let reason = report["data"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("unreachable"), "{reason}");
    let status = neighbours.status("trap").await.expect("it is there");
    assert_eq!(status.state, PluginState::Quarantined);
    assert_eq!(status.counters.failed, u64::from(DEATHS));
    assert_eq!(status.counters.restarts, u64::from(DEATHS) - 1);
    neighbours.nothing_is_missed().await;
    neighbours
}

/// Publishes what the quarantined plugin does not get.
async fn left_waiting(neighbours: &Neighbourhood) {
    for number in 0..3 {
        neighbours.send("trap.waiting", number).await;
    }
    neighbours
        .until("trap", |status| status.counters.queued == 3)
        .await;
}

async fn recorded(records: &mut Events) {
    for number in 0..3 {
        assert_eq!(records.next().await["data"]["data"], number);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_ends_it() {
    let mut neighbours = quarantined().await;
    left_waiting(&neighbours).await;
    let status = neighbours.succeed("trap", "resume").await;
    assert_ne!(status.state, PluginState::Quarantined);
    let failed = neighbours.reports.about("plugin.failed", "trap").await;
    assert!(failed["data"]["event"].is_string(), "{failed}");
    neighbours
        .until("trap", |status| status.counters.failed == 8)
        .await;
    neighbours.nothing_is_missed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_ends_it_and_gets_what_was_left_waiting() {
    let mut neighbours = quarantined().await;
    left_waiting(&neighbours).await;
    let mut records = neighbours.listen("custom.recorded.custom.trap.*").await;
    let repaired = plugin("recorder")
        .named("trap")
        .manifest("subscribe = [\"custom.trap.*\"]");
    neighbours.place(&repaired);
    recorded(&mut records).await;
    let status = neighbours
        .until("trap", |status| status.state == PluginState::Running)
        .await;
    assert_eq!(status.last_error, None);
    neighbours.nothing_is_missed().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_success_between_forgives() {
    let mut neighbours = Neighbourhood::of([plugin("moody")]).await;
    for round in 1..=2 * u64::from(DEATHS) {
        neighbours.send("moody.trap", round).await;
        neighbours.send("moody.calm", round).await;
        neighbours
            .until("moody", |status| status.counters.delivered == 2 * round)
            .await;
    }
    let status = neighbours.status("moody").await.expect("it is there");
    assert_eq!(status.state, PluginState::Running);
    assert_eq!(status.counters.failed, 2 * u64::from(DEATHS));
    neighbours.nothing_is_missed().await;
}
