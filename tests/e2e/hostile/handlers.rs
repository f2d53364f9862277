//! Handlers that trap, spin, leak, recurse, sleep, fail or talk nonsense.

use hearken::admin::PluginState;
use serde_json::json;

use super::{TIGHT, fails};
use crate::support::neighbour::Neighbourhood;
use crate::support::plugin::plugin;

/// Longest error text that is passed on.
const LONGEST_REASON: usize = 5_000;

#[tokio::test(flavor = "multi_thread")]
pub async fn trap() {
    let failed = fails("trap", "trap.now", "unreachable").await;
    assert!(failed["backtrace"].is_string(), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
pub async fn spin() {
    fails("spin", "spin.now", "deadline of 100ms exceeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spinning_plugins_take_nothing_from_the_others() {
    const SPINNERS: [&str; 4] = ["spin-1", "spin-2", "spin-3", "spin-4"];
    let spinner = |name| {
        plugin("spin")
            .named(name)
            .manifest("[limits]\ndeadline = \"1h\"\n")
    };
    let mut neighbours = Neighbourhood::of(SPINNERS.map(spinner)).await;
    neighbours.send("spin.now", 1).await;
    neighbours.nothing_is_missed().await;
    neighbours.nothing_is_missed().await;
    for name in SPINNERS {
        let status = neighbours
            .until(name, |status| status.counters.queued == 1)
            .await;
        assert_eq!(status.counters.delivered, 0, "{name} is still spinning");
    }
}

#[tokio::test(flavor = "multi_thread")]
pub async fn leak() {
    let reason = "memory limit of 8.0 MiB reached";
    fails("leak", "leak.now", reason).await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn recurse() {
    fails("recurse", "recurse.now", "stack overflow").await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn sleeper() {
    for event_type in ["sleeper.clock", "sleeper.event"] {
        let failed = fails("sleeper", event_type, "deadline of 100ms exceeded").await;
        let reason = failed["reason"].as_str().expect("a reason");
        assert!(reason.contains("host waits"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
pub async fn fail() {
    let mut neighbours = Neighbourhood::of([plugin("fail").manifest(TIGHT)]).await;
    for number in 0..20 {
        let id = neighbours.send("fail.now", number).await;
        let failed = neighbours.reports.about("plugin.failed", "fail").await;
        let reason = "custom.fail.now is not to my taste";
        assert_eq!(
            failed["data"],
            json!({ "plugin": "fail", "event": id, "reason": reason })
        );
    }
    let status = neighbours
        .until("fail", |status| status.counters.failed == 20)
        .await;
    assert_eq!(status.state, PluginState::Running, "no instance has died");
    assert_eq!(status.counters.restarts, 0);
    neighbours.nothing_is_missed().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn huge_string() {
    let mut neighbours = Neighbourhood::of([plugin("huge-string")]).await;
    neighbours.send("huge-string.now", 1).await;
    neighbours.nothing_is_missed().await;
    let failed = neighbours
        .reports
        .about("plugin.failed", "huge-string")
        .await;
    let reason = failed["data"]["reason"].as_str().expect("a reason");
    assert!(reason.len() < LONGEST_REASON, "{} bytes", reason.len());
    let status = neighbours.status("huge-string").await.expect("it is there");
    assert_eq!(status.last_error.as_deref(), Some(reason));
}

#[tokio::test(flavor = "multi_thread")]
pub async fn bad_utf8() {
    for event_type in ["bad-utf8.send", "bad-utf8.fail"] {
        fails("bad-utf8", event_type, "utf-8").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
pub async fn what_was_survived_is_not_to_blame() {
    let mut neighbours = Neighbourhood::of([plugin("survivor").manifest(TIGHT)]).await;
    for (tasks, reason, not) in [
        // It lived on without the memory, and then span.
        ("grow-spin", "deadline of 100ms exceeded", "memory limit"),
        ("grow-recurse", "stack overflow", "memory limit"),
        // The event before went well, whatever was said or refused.
        ("speak", "", ""),
        ("trap", "unreachable", "all is well"),
        ("grow", "", ""),
        ("trap", "unreachable", "memory limit"),
        // What an earlier instance said explains nothing.
        ("speak-trap", "all is well", "memory limit"),
        ("recurse", "stack overflow", "all is well"),
    ] {
        neighbours.send(&format!("survivor.{tasks}"), 1).await;
        if reason.is_empty() {
            continue;
        }
        let failed = neighbours.reports.about("plugin.failed", "survivor").await;
        let told = failed["data"]["reason"].as_str().expect("a reason");
        assert!(told.contains(reason), "{tasks}: {told}");
        assert!(!told.contains(not), "{tasks}: {told}");
        // Otherwise it would be in quarantine after five deaths in a row.
        neighbours.send("survivor.speak", 1).await;
    }
    neighbours.nothing_is_missed().await;
}
