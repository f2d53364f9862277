//! A disk that is full for a while.

use std::process::Command;

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::disk::Disk;
use crate::support::events::Events;
use crate::support::plugin::{Plugin, plugin};
use crate::support::process::NodeProcess;
use crate::support::{DEADLINE, POLL};

fn hoarder() -> Plugin {
    plugin("hoarder").manifest("[allow]\nkeyvalue = [\"hoard\"]\n")
}

async fn kept(node: &NodeProcess, reports: &mut Events, records: u64) -> u64 {
    node.send("hoarder.keep", records).await;
    let report = reports
        .until(|event| event["type"] == "custom.report.hoarder.kept")
        .await;
    report["data"]["kept"].as_u64().expect("a number")
}

/// Waits until the node is ready, or is not.
async fn until_ready(node: &NodeProcess, ready: bool) {
    let waiting = async {
        while (node.get("/readyz").await.status() == StatusCode::OK) != ready {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting)
        .await
        .expect("it gets there");
}

/// The store fails once there is no room for it, says so wherever an operator looks, and
/// works again by itself once there is.
async fn heals(node: &NodeProcess, reason: &str, free: impl FnOnce()) {
    let mut reports = node.listen("custom.report.*").await;
    // More than there is room for.
    assert!(kept(node, &mut reports, 200).await < 200);
    let ill = node.get("/readyz").await;
    assert_eq!(ill.status(), StatusCode::SERVICE_UNAVAILABLE);
    let problem: Value = ill.json().await.expect("a problem");
    assert_eq!(problem["type"], "urn:hearken:problem:unhealthy");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(
        detail.contains("key-value store") && detail.contains(reason),
        "{detail}"
    );
    let nodes = node.hearken(&["nodes"]).await;
    assert_eq!(nodes.code, 0, "{nodes:?}");
    assert!(
        nodes.stdout.contains("the key-value store has not worked"),
        "{nodes:?}"
    );
    // Nobody waits for a disk: calls are refused, and other plugins have their events.
    let mut lost = node.listen("custom.report.hoarder.lost").await;
    node.send("hoarder.keep", 1).await;
    let error = lost.next().await["data"]["error"].clone();
    assert!(
        error
            .as_str()
            .is_some_and(|error| error.contains("opens it again"))
    );

    free();
    until_ready(node, true).await;
    let mut reports = node.listen("custom.report.*").await;
    assert_eq!(kept(node, &mut reports, 2).await, 2);
    let said = |level: &str, text: &str| {
        let lines = node.log();
        let has = |line: &&Value| {
            let message = line["message"].as_str().unwrap_or_default();
            line["level"] == level && message.contains(text)
        };
        lines.iter().filter(has).count()
    };
    assert_eq!(said("ERROR", "the key-value store failed"), 1);
    assert_eq!(said("INFO", "the key-value store works again"), 1);
}

/// A limit on the size of the node's files, which nobody needs rights to set.
#[tokio::test(flavor = "multi_thread")]
pub async fn a_store_that_cannot_grow_heals_when_it_can() {
    let limit = |pid: u32, bytes: &str| {
        let set = Command::new("prlimit")
            .args(["--pid", &pid.to_string(), &format!("--fsize={bytes}:")])
            .status();
        assert!(set.expect("`prlimit` is on every Linux").success());
    };
    // The signal that comes with the error would end the node.
    let shell = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"];
    let node = NodeProcess::start_by(&shell, [hoarder()], &[]).await;
    let mut reports = node.listen("custom.report.*").await;
    assert_eq!(kept(&node, &mut reports, 1).await, 1);
    let pid = node.pid();
    limit(pid, &(4 << 20).to_string());
    heals(&node, "File too large", || limit(pid, "unlimited")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_room_is_recovered_from_when_there_is_some() {
    let Some(disk) = Disk::mount("24m") else {
        return;
    };
    let data = disk.path().join("data");
    let data = data.to_str().expect("UTF-8");
    let node = NodeProcess::start([hoarder()], &["--data", data]).await;
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![0; 8 << 20]).expect("there is room");
    heals(&node, "No space left", || {
        std::fs::remove_file(&ballast).expect("it was written");
    })
    .await;
    node.kill().await;
}
