//! A new version takes over after the event in hand, whatever else the old one was handed
//! in the same call, and no event pays for that.

use hearken::admin::PluginState;
use serde_json::{Value, json};

use crate::support::events::Events;
use crate::support::node::TestNode;
use crate::support::plugin::{Plugin, plugin};

const NAME: &str = "unhurried";

/// As many as frames of 1, 2, 4 and so on up to 64 have, and then some frames of 64.
const FAST: u64 = 127 + 4 * 64;

/// Slow events that come behind them: enough for a frame of their own.
const SLOW: u64 = 60;

/// What each of those takes. All of them take six times the deadline of one.
const MILLIS: u64 = 100;

/// With another number it is another manifest.
fn unhurried(mailbox: u64) -> Plugin {
    let limits = format!("[limits]\nmailbox = {mailbox}\ndeadline = \"1s\"\n");
    plugin(NAME).manifest(&limits)
}

/// A node whose plugin has fast events and then slow ones, which it takes `how`, and the
/// reports of the slow ones.
async fn with_a_service_that_becomes_slow(how: &str) -> (TestNode, Events) {
    let node = TestNode::start([unhurried(1_000)]).await;
    let handled = node.listen("custom.report.unhurried").await;
    node.succeed(NAME, "pause").await;
    let events = (0..FAST + SLOW).map(|number| {
        let data = if number < FAST {
            json!({})
        } else {
            json!({ how: MILLIS, "number": number - FAST })
        };
        let id = format!("event-{number}");
        json!({ "specversion": "1.0", "id": id, "source": "/tests", "type": "unhurried.event", "data": data })
    });
    node.publish_all(events).await;
    node.succeed(NAME, "resume").await;
    (node, handled)
}

/// Reads the reports of the slow events from `first`: each once and in order. Returns how
/// many events the instance had begun when it began each of them.
async fn in_order(handled: &mut Events, first: u64) -> Vec<u64> {
    let mut begun = Vec::new();
    for number in first..SLOW {
        let report = handled.next().await["data"].clone();
        assert_eq!(report["number"], number, "lost, repeated or out of order");
        begun.push(report["begun"].as_u64().expect("a number"));
    }
    begun
}

async fn nothing_failed(node: &TestNode) {
    let all = FAST + SLOW;
    let status = node
        .until(NAME, |status| status.counters.delivered >= all)
        .await;
    let counters = status.counters;
    assert_eq!((counters.delivered, counters.failed), (all, 0));
    assert_eq!((counters.dropped, counters.queued), (0, 0));
    assert_eq!(counters.restarts, 0, "no instance has died");
}

async fn a_reload_amid_slow_events(how: &str) {
    let (node, mut handled) = with_a_service_that_becomes_slow(how).await;
    let mut reports = node.listen("plugin.*").await;
    assert_eq!(handled.next().await["data"]["number"], 0);
    node.place(&unhurried(1_001));
    reports.about("plugin.reloaded", NAME).await;
    let begun = in_order(&mut handled, 1).await;
    let new = begun.iter().position(|begun| *begun == 1);
    let new = new.expect("the new version goes on with the rest");
    assert!(begun[..new].is_sorted() && begun[new..].is_sorted());
    nothing_failed(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn a_reload_while_events_wait_fails_none() {
    a_reload_amid_slow_events("wait").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_while_events_compute_fails_none() {
    a_reload_amid_slow_events("compute").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_comes_after_the_event_in_hand_and_the_same_instance_goes_on() {
    let (node, mut handled) = with_a_service_that_becomes_slow("wait").await;
    assert_eq!(handled.next().await["data"]["number"], 0);
    node.succeed(NAME, "pause").await;
    let status = node.status(NAME).await.expect("it is there");
    assert_eq!(status.state, PluginState::Paused);
    let done = status.counters.delivered;
    assert_eq!(status.counters.queued, FAST + SLOW - done);
    assert!(
        status.counters.queued > 0,
        "the pause waited for all of them"
    );
    node.succeed(NAME, "resume").await;
    let begun = in_order(&mut handled, 1).await;
    let expected: Vec<u64> = (FAST + 2..=FAST + SLOW).collect();
    assert_eq!(begun, expected, "each is begun once");
    nothing_failed(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_does_not_stop_delays_a_pause_by_few_deadlines() {
    // It sleeps for 600 ms over each event of a frame, and goes on though it is told to stop.
    let manifest = "[config]\nmode = \"deaf\"\n[limits]\ndeadline = \"1s\"\n";
    let deaf = plugin("bad-progress").manifest(manifest);
    let node = TestNode::start([deaf]).await;
    let mut handled = node.listen("custom.report.bad-progress").await;
    let mut failures = node.listen("plugin.failed").await;
    node.succeed("bad-progress", "pause").await;
    let events = (0..60).map(|number| {
        let id = format!("event-{number}");
        json!({ "specversion": "1.0", "id": id, "source": "/tests", "type": "bad-progress.calm" })
    });
    node.publish_all(events).await;
    node.succeed("bad-progress", "resume").await;
    let slow = |event: &Value| event["data"]["frame"].as_u64() > Some(2);
    handled.until(slow).await;
    node.succeed("bad-progress", "pause").await;
    let failed = failures.about("plugin.failed", "bad-progress").await;
    let reason = failed["data"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("deadline of 1s exceeded"), "{reason}");
}
