//! What becomes of a plugin that dies again and again.

use std::time::Duration;

use hearken::admin::PluginState;
use serde_json::{Value, json};

use crate::support::events::Events;
use crate::support::languages::in_each_language;
use crate::support::neighbour::Neighbourhood;
use crate::support::node::TestNode;
use crate::support::plugin::{Plugin, plugin};

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
    in_each_language(async |language| {
        let mut neighbours = Neighbourhood::of([language.guest("moody").manifest(SHORT)]).await;
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
    })
    .await;
}

/// What dies by using up its time does so soon.
const SHORT: &str = "[limits]\ndeadline = \"50ms\"\n";

/// The first pause of the quarantines that tests wait for.
const PAUSE: Duration = Duration::from_millis(100);

/// A plugin with waiting events that it dies of, more than a quarantine takes, and its
/// reports.
async fn dying(plugin: Plugin, more: u32) -> (TestNode, Events) {
    let node = TestNode::start_with_pause([plugin], PAUSE).await;
    let reports = node.listen("plugin.*").await;
    node.succeed("moody", "pause").await;
    for number in 0..DEATHS + more {
        let subject = format!("subject-{number}");
        let event = json!({ "type": "moody.trap", "subject": subject, "data": number });
        node.publish(&event).await;
    }
    node.succeed("moody", "resume").await;
    (node, reports)
}

/// The next quarantine, and how many events failed before it.
async fn next_quarantine(reports: &mut Events) -> (u32, Value) {
    let mut failed = 0;
    loop {
        let report = reports.next().await;
        match report["type"].as_str() {
            Some("plugin.failed") => failed += 1,
            Some("plugin.quarantined") => return (failed, report),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_each_pause_one_event_is_tried_and_one_that_is_handled_ends_it() {
    const TRIES: u32 = 3;
    let (node, mut reports) = dying(plugin("moody"), TRIES).await;
    for number in 0..=TRIES {
        let (failed, report) = next_quarantine(&mut reports).await;
        assert_eq!(failed, if number == 0 { DEATHS } else { 1 });
        assert_eq!(report["data"]["failures"], DEATHS + number);
        let until = report["data"]["until"].as_str().expect("a time");
        let status = node.status("moody").await.expect("it is there");
        if status.counters.failed == u64::from(DEATHS + number) {
            assert_eq!(status.state, PluginState::Quarantined);
            assert_eq!(status.quarantined_until.as_deref(), Some(until));
        }
    }
    node.send("moody.calm", 1).await;
    node.send("moody.trap", 2).await;
    node.send("moody.calm", 3).await;
    let status = node
        .until("moody", |status| {
            status.counters.delivered == u64::from(DEATHS + TRIES) + 3
        })
        .await;
    assert_eq!(status.counters.failed, u64::from(DEATHS + TRIES) + 1);
    let status = node
        .until("moody", |status| status.state == PluginState::Running)
        .await;
    assert_eq!(status.quarantined_until, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_instances_one_tries_one_event() {
    let several = plugin("moody").manifest("concurrency = 4\n");
    let (_node, mut reports) = dying(several, 12).await;
    next_quarantine(&mut reports).await;
    // What the others had in hand may have failed since.
    let (failed, _) = next_quarantine(&mut reports).await;
    assert!(failed >= 1);
    for _ in 0..2 {
        let (failed, _) = next_quarantine(&mut reports).await;
        assert_eq!(failed, 1);
    }
}
