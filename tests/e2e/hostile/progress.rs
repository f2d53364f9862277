//! Listeners of frames that break the rules of `progress`: the host says which, and
//! whatever they claim, every event is accounted for once.

use hearken::admin::PluginState;
use serde_json::{Value, json};

use crate::support::events::Events;
use crate::support::neighbour::Neighbourhood;
use crate::support::plugin::{Plugin, plugin};

const NAME: &str = "bad-progress";

/// Longest error text that is passed on, in bytes.
const LONGEST_REASON: usize = 4 << 10;

fn in_mode(mode: &str) -> Plugin {
    plugin(NAME).manifest(&format!("[config]\nmode = \"{mode}\"\n"))
}

/// The plugin beside a good one, and what it reports of the events it handles.
async fn observed(plugin: Plugin) -> (Neighbourhood, Events) {
    let neighbours = Neighbourhood::of([plugin]).await;
    let handled = neighbours.listen("custom.report.bad-progress").await;
    (neighbours, handled)
}

/// The event and the reason of the next report of a failure.
async fn next_failure(neighbours: &mut Neighbourhood) -> (Value, String) {
    let failed = neighbours.reports.about("plugin.failed", NAME).await;
    let reason = failed["data"]["reason"].as_str().expect("a reason");
    (failed["data"]["event"].clone(), reason.to_owned())
}

/// Publishes an event of each of these types at once; returns their ids.
async fn publish_together(neighbours: &Neighbourhood, types: &[&str]) -> Vec<String> {
    neighbours.succeed(NAME, "pause").await;
    let ids: Vec<String> = (0..types.len()).map(|n| format!("event-{n}")).collect();
    let events = ids.iter().zip(types).map(|(id, what)| {
        let event_type = format!("{NAME}.{what}");
        json!({ "specversion": "1.0", "id": id, "source": "/tests", "type": event_type })
    });
    neighbours.publish_all(events).await;
    neighbours.succeed(NAME, "resume").await;
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_does_before_it_runs_keeps_it_from_starting() {
    for (mode, expected) in [
        ("wrong-size", "it showed 8 bytes of progress instead of 16"),
        (
            "fail-early",
            "it reported a failure, or a part of the handling, without an event in hand",
        ),
    ] {
        let mut neighbours = Neighbourhood::with([in_mode(mode)]).await;
        let (event, reason) = next_failure(&mut neighbours).await;
        assert_eq!(event, Value::Null, "{mode}");
        assert!(reason.contains(expected), "{reason}");
        let status = neighbours
            .until(NAME, |status| status.last_error.as_deref() == Some(&reason))
            .await;
        assert_eq!(status.state, PluginState::Failed);
        neighbours.nothing_is_missed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
pub async fn each_breach_is_told() {
    let (mut neighbours, mut handled) = observed(plugin(NAME)).await;
    let mut breaches = 0;
    for (breach, expected) in [
        (
            "late",
            "it showed a progress counter in the middle of a frame",
        ),
        (
            "backwards",
            "its progress counter went from 1 to -1, in a frame of 1 events",
        ),
        (
            "beyond",
            "its progress counter went from 1 to 2, in a frame of 1 events",
        ),
        ("unfinished", "it returned after beginning 0 of 1 events"),
    ] {
        // An instance that has handled something, so that no count is zero.
        let calm = neighbours.send("bad-progress.calm", 1).await;
        assert_eq!(handled.next().await["data"]["id"], *calm);
        let id = neighbours.send(&format!("bad-progress.{breach}"), 1).await;
        let (event, reason) = next_failure(&mut neighbours).await;
        assert_eq!(event, *id, "{breach}");
        assert!(reason.contains(expected), "{breach}: {reason}");
        breaches += 1;
        let status = neighbours
            .until(NAME, |status| status.counters.restarts == breaches)
            .await;
        let counters = &status.counters;
        assert_eq!(
            (counters.delivered, counters.failed),
            (2 * breaches, breaches)
        );
        assert_eq!(status.last_error, Some(reason));
        assert_eq!(status.state, PluginState::Running);
        neighbours.nothing_is_missed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_fails_once_and_for_a_reason_of_bounded_length() {
    let (mut neighbours, mut handled) = observed(plugin(NAME)).await;
    let ids = publish_together(&neighbours, &["huge", "twice", "calm"]).await;
    let (event, reason) = next_failure(&mut neighbours).await;
    assert_eq!(event, *ids[0]);
    assert_eq!(reason.len(), LONGEST_REASON - 1, "no half character");
    assert!(reason.starts_with("-é"), "{reason}");
    let (event, reason) = next_failure(&mut neighbours).await;
    assert_eq!((event, &*reason), (json!(ids[1]), "the first"));
    assert_eq!(handled.next().await["data"]["id"], *ids[2]);
    let status = neighbours
        .until(NAME, |status| status.counters.delivered == 3)
        .await;
    assert_eq!(status.counters.failed, 2);
    assert_eq!(status.counters.restarts, 0, "no instance has died");
    neighbours.nothing_is_missed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_counter_events_come_one_by_one() {
    let (mut neighbours, mut handled) = observed(in_mode("unshown")).await;
    let mut types = ["calm"; 50];
    types[10] = "twice";
    types[20] = "trap";
    let ids = publish_together(&neighbours, &types).await;
    for (id, what) in ids.iter().zip(types) {
        if what == "calm" {
            let expected = json!({ "id": id, "frame": 1 });
            assert_eq!(handled.next().await["data"], expected);
            continue;
        }
        let (event, reason) = next_failure(&mut neighbours).await;
        assert_eq!(event, **id);
        let expected = match what {
            "twice" => "the first",
            _ => "unreachable",
        };
        assert!(reason.contains(expected), "{reason}");
    }
    let status = neighbours
        .until(NAME, |status| status.counters.delivered == 50)
        .await;
    assert_eq!((status.counters.failed, status.counters.restarts), (2, 1));
    neighbours.nothing_is_missed().await;
}

/// Publishes events to a plugin that in each frame of three or more reports the
/// first as failed and dies for a reason that has `expected` in it, with the event
/// at `position` in hand. Checks that both are told, and that the next instance goes
/// on behind it.
async fn dies_amid_frames(mode: &str, position: usize, expected: &str) {
    const EVENTS: usize = 60;
    let (mut neighbours, mut handled) = observed(in_mode(mode)).await;
    let ids = publish_together(&neighbours, &["calm"; EVENTS]).await;
    let mut next = 0;
    let mut deaths = 0;
    while next < EVENTS {
        let report = handled.next().await["data"].clone();
        let Some(frame) = report["last"].as_array() else {
            assert_eq!(report["id"], *ids[next]);
            next += 1;
            continue;
        };
        assert_eq!(*frame, ids[next..next + frame.len()]);
        let first = next_failure(&mut neighbours).await;
        let expected_first = (json!(ids[next]), "the first of its frame".to_owned());
        assert_eq!(first, expected_first);
        let (event, reason) = next_failure(&mut neighbours).await;
        assert_eq!(event, *ids[next + position]);
        assert!(reason.contains(expected), "{reason}");
        deaths += 1;
        next += position + 1;
    }
    assert!(deaths > 0, "no call had more than two events");
    let status = neighbours
        .until(NAME, |status| {
            status.counters.delivered == EVENTS as u64 && status.counters.restarts == deaths
        })
        .await;
    assert_eq!(status.counters.failed, 2 * deaths);
    assert_eq!(status.state, PluginState::Running);
    neighbours.nothing_is_missed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_before_a_trap_is_told_too() {
    dies_amid_frames("die", 2, "unreachable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn going_back_to_an_earlier_event_of_the_frame_is_no_way() {
    dies_amid_frames("step-back", 1, "its progress counter went from 2 to 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_of_a_frame_has_the_whole_deadline() {
    // Three events of a frame wait for 2.4 s together, each for 0.8 s.
    let manifest = "[config]\nmode = \"dawdle\"\n[limits]\ndeadline = \"2s\"\n";
    let (neighbours, mut handled) = observed(plugin(NAME).manifest(manifest)).await;
    let ids = publish_together(&neighbours, &["calm"; 10]).await;
    let mut largest = 0;
    for id in &ids {
        let report = handled.next().await["data"].clone();
        assert_eq!(report["id"], **id);
        largest = largest.max(report["frame"].as_u64().expect("a number"));
    }
    assert!(largest > 2, "no call had more than two events");
    let status = neighbours
        .until(NAME, |status| status.counters.delivered == 10)
        .await;
    assert_eq!((status.counters.failed, status.counters.restarts), (0, 0));
}
