//! Plugins that send or print without end.

use hearken::admin::PluginState;

use crate::support::neighbour::Neighbourhood;
use crate::support::plugin::plugin;

#[tokio::test(flavor = "multi_thread")]
pub async fn flood() {
    let flood = plugin("flood").manifest("[limits]\ndeadline = \"1s\"\n");
    // The echo listens to everything, and so to the whole flood.
    let mut neighbours = Neighbourhood::of([flood, plugin("echo")]).await;
    let mut echoes = neighbours.listen("custom.echoed").await;
    neighbours.send("flood.now", 1).await;
    neighbours
        .until("flood", |status| status.counters.refused > 0)
        .await;
    neighbours.nothing_is_missed().await;
    for number in 0..100 {
        neighbours.ask("good.question", "echoed", number).await;
        assert_eq!(echoes.next().await["data"], number);
    }
    let failed = neighbours.reports.about("plugin.failed", "flood").await;
    let reason = failed["data"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("deadline of 1s exceeded"), "{reason}");
    let status = neighbours.status("flood").await.expect("it is there");
    assert!(status.counters.sent > 0, "what the budget allows is sent");
}

#[tokio::test(flavor = "multi_thread")]
pub async fn self_loop() {
    let mut neighbours = Neighbourhood::of([plugin("self-loop")]).await;
    for number in 0..10 {
        neighbours.send("self-loop.now", number).await;
    }
    // The loop goes round until it is refused, or for ever.
    neighbours
        .until("self-loop", |status| {
            status.counters.refused > 0 || status.counters.sent > 2_000
        })
        .await;
    neighbours.nothing_is_missed().await;
    let status = neighbours.succeed("self-loop", "pause").await;
    assert_eq!(status.state, PluginState::Paused);
    assert!(status.counters.queued <= 10, "nothing was multiplied");
    let paused = neighbours.succeed("self-loop", "pause").await;
    assert_eq!(paused.counters.sent, status.counters.sent);
}

#[tokio::test(flavor = "multi_thread")]
pub async fn shout() {
    let mut neighbours = Neighbourhood::of([plugin("shout")]).await;
    let mut reports = neighbours.listen("custom.report.shout").await;
    let id = neighbours.send("shout.now", 1).await;
    neighbours.nothing_is_missed().await;
    let report = reports.next().await;
    assert_eq!(report["data"]["id"], *id);
    let failures = report["data"]["failures"].as_array().expect("a list");
    assert!(failures.is_empty(), "{failures:?}");
}
