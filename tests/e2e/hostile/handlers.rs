//! Handlers that trap, spin, leak, recurse, sleep, fail or talk nonsense.

use hearken::admin::PluginState;
use serde_json::json;

use super::{TIGHT, fails};
use crate::support::languages::in_each_language;
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
pub async fn sleeper() {
    for event_type in ["sleeper.clock", "sleeper.event"] {
        let failed = fails("sleeper", event_type, "deadline of 100ms exceeded").await;
        let reason = failed["reason"].as_str().expect("a reason");
        assert!(reason.contains("host waits"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
pub async fn fail() {
    in_each_language(async |language| {
        let guest = language.guest("fail").manifest(TIGHT);
        let mut neighbours = Neighbourhood::of([guest]).await;
        for number in 0..20 {
            let id = neighbours.send("fail.now", number).await;
            let failed = neighbours.reports.about("plugin.failed", "fail").await;
            let data = &failed["data"];
            assert_eq!(
                (&data["plugin"], &data["event"]),
                (&json!("fail"), &json!(id))
            );
            let reason = data["reason"].as_str().expect("a reason");
            assert!(
                reason.contains("custom.fail.now is not to my taste"),
                "{data}"
            );
            assert_eq!(data["trace"].is_string(), !language.is_compiled(), "{data}");
        }
        let status = neighbours
            .until("fail", |status| status.counters.failed == 20)
            .await;
        assert_eq!(status.state, PluginState::Running, "no instance has died");
        assert_eq!(status.counters.restarts, 0);
        neighbours.nothing_is_missed().await;
    })
    .await;
}

/// Who never ends dies of it, in whatever language; who takes too much or calls itself without
/// end does so where nothing can throw.
#[tokio::test(flavor = "multi_thread")]
pub async fn what_a_handler_may_not_is_told_and_hurts_nobody() {
    in_each_language(async |language| {
        let (leak, recurse) = match language.is_compiled() {
            true => ("memory limit of 8.0 MiB reached", "stack overflow"),
            false => (
                "out of memory",
                "RangeError: Maximum call stack size exceeded",
            ),
        };
        let spin = "deadline of 100ms exceeded";
        let twins = [("spin", spin), ("leak", leak), ("recurse", recurse)];
        let guests = twins.map(|(guest, _)| language.guest(guest).manifest(TIGHT));
        let mut neighbours = Neighbourhood::of(guests).await;
        for (guest, reason) in twins {
            let id = neighbours.send(&format!("{guest}.now"), 1).await;
            neighbours.nothing_is_missed().await;
            let failed = neighbours.reports.about("plugin.failed", guest).await;
            let told = failed["data"]["reason"].as_str().expect("a reason");
            assert!(told.contains(reason), "{told}");
            assert_eq!(failed["data"]["event"], id);
            neighbours.send(&format!("{guest}.now"), 2).await;
            neighbours.reports.about("plugin.failed", guest).await;
            // The second event had another instance, unless the first survived it.
            let status = neighbours
                .until(guest, |status| status.counters.failed == 2)
                .await;
            let dies = language.is_compiled() || guest == "spin";
            assert_eq!(status.counters.restarts > 0, dies, "{guest}");
        }
        neighbours.nothing_is_missed().await;
    })
    .await;
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
