//! Plugins that ask for what was not granted: they get an error that they can
//! handle.

use serde_json::Value;

use crate::support::neighbour::Neighbourhood;
use crate::support::plugin::plugin;

/// Hands a guest one event; returns what it reports of its attempts.
async fn attempt(guest: &str) -> Value {
    let mut neighbours = Neighbourhood::of([plugin(guest)]).await;
    let mut reports = neighbours.listen(&format!("custom.report.{guest}")).await;
    neighbours.send(&format!("{guest}.now"), 1).await;
    neighbours.nothing_is_missed().await;
    let report = reports.next().await["data"].clone();
    let status = neighbours
        .until(guest, |status| status.counters.delivered == 1)
        .await;
    assert_eq!(status.counters.failed, 0, "{:?}", status.last_error);
    report
}

#[tokio::test(flavor = "multi_thread")]
pub async fn http() {
    let report = attempt("ungranted-http").await;
    assert_eq!(report["status"], Value::Null);
    let error = report["error"].as_str().expect("an error");
    assert!(error.contains("HttpRequestDenied"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
pub async fn keyvalue() {
    let report = attempt("ungranted-kv").await;
    let error = report["error"].as_str().expect("an error");
    assert!(error.contains("AccessDenied"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
pub async fn sockets() {
    let report = attempt("sockets").await;
    for operation in ["connect", "listen", "udp", "resolve"] {
        assert!(report[operation].is_string(), "{operation}: {report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
pub async fn files() {
    let report = attempt("files").await;
    for operation in ["read", "list", "write"] {
        assert!(report[operation].is_string(), "{operation}: {report}");
    }
}
