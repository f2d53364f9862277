//! Components that misbehave when they are asked what they listen to.

use hearken::admin::PluginState;

use super::TIGHT;
use crate::support::neighbour::Neighbourhood;
use crate::support::plugin::plugin;

/// Drops a guest into a running node, and checks that it fails to start for a
/// reason that has `reason` in it.
async fn does_not_start(guest: &str, reason: &str) {
    let mut neighbours = Neighbourhood::with([plugin(guest).manifest(TIGHT)]).await;
    neighbours.nothing_is_missed().await;
    let failed = neighbours.reports.about("plugin.failed", guest).await;
    let told = failed["data"]["reason"].as_str().expect("a reason");
    assert!(told.contains(reason), "{told}");
    assert!(failed["data"].get("event").is_none(), "{failed}");
    let status = neighbours
        .until(guest, |status| status.last_error.is_some())
        .await;
    assert_eq!(status.state, PluginState::Failed);
    assert_eq!(status.version, None);
    assert_eq!(status.last_error.as_deref(), Some(told));
    neighbours.nothing_is_missed().await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn trap() {
    does_not_start("describe-trap", "failed to start: ").await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn spin() {
    does_not_start("describe-spin", "deadline of 100ms exceeded").await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn leak() {
    does_not_start("describe-leak", "memory limit of 8.0 MiB reached").await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn recurse() {
    does_not_start("describe-recurse", "stack overflow").await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn wait() {
    does_not_start("describe-wait", "deadline of 100ms exceeded").await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn invalid() {
    does_not_start("describe-invalid", "listener `handle`").await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn globs() {
    does_not_start(
        "describe-globs",
        "listener `listener-4`: its patterns come to 320",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
pub async fn huge() {
    let mut neighbours = Neighbourhood::with([plugin("describe-huge")]).await;
    neighbours.nothing_is_missed().await;
    let failed = neighbours
        .reports
        .about("plugin.failed", "describe-huge")
        .await;
    let told = failed["data"]["reason"].as_str().expect("a reason");
    assert!(told.len() < 5_000, "{} bytes", told.len());
    let status = neighbours
        .status("describe-huge")
        .await
        .expect("it is there");
    assert_eq!(status.state, PluginState::Failed);
    assert!(status.listeners.is_empty());
    neighbours.nothing_is_missed().await;
}
