//! What plugins may use when it is granted.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::support::node::TestNode;
use crate::support::plugin::plugin;

/// The changes that one exercise of the guest `keyvalue` makes, when `count` is
/// there already or not.
fn changes(count: &str) -> Vec<Value> {
    [
        ("record.created", "greeting"),
        (count, "count"),
        ("record.created", "a"),
        ("record.created", "b"),
        ("record.deleted", "a"),
        ("record.deleted", "b"),
        ("record.deleted", "greeting"),
    ]
    .map(|(event_type, key)| {
        json!([event_type, key, { "bucket": "guests", "key": key, "plugin": "keyvalue" }, true])
    })
    .to_vec()
}

#[tokio::test(flavor = "multi_thread")]
pub async fn keyvalue() {
    let granted = plugin("keyvalue").manifest("[allow]\nkeyvalue = [\"guests\"]\n");
    let mut node = TestNode::start([granted]).await;
    for (round, created) in [(1, "record.created"), (2, "record.updated")] {
        let mut reports = node.listen("custom.report.keyvalue").await;
        let mut records = node.listen("record.*").await;
        node.send("keyvalue.exercise", round).await;
        assert_eq!(
            reports.next().await["data"],
            json!({
                "get": "hello",
                "exists": true,
                // What the first round has counted outlives the node.
                "increment": 2 * round,
                "keys": ["a", "b", "count", "greeting"],
                "get_many": [["a", "a"], null, ["b", "b"]],
                "exists_after_delete": false,
                "get_after_delete": null,
            })
        );
        let seen: Vec<Value> = records.take(7).await.iter().map(change).collect();
        assert_eq!(seen, changes(created));
        drop((reports, records));
        let (ended, folders) = node.stop().await;
        ended.expect("nothing was cut off");
        node = TestNode::start_in(folders).await;
    }
}

fn change(event: &Value) -> Value {
    let parts = ["type", "subject", "data", "distributed"].map(|part| event[part].clone());
    Value::Array(parts.to_vec())
}

#[tokio::test(flavor = "multi_thread")]
pub async fn configured() {
    let manifest =
        "[config]\ngreeting = \"hello\"\nlimit = 7\n[config.schema]\ntype = \"object\"\n";
    let node = TestNode::start([plugin("configured").manifest(manifest)]).await;
    let mut reports = node.listen("custom.report.configured").await;
    node.send("configured.tell", 1).await;
    assert_eq!(
        reports.next().await["data"],
        json!({ "greeting": "hello", "limit": "7", "schema": r#"{"type":"object"}"# })
    );
}

/// A server on the loopback interface that answers `GET /` with 200.
async fn server() -> (String, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let authority = listener.local_addr().expect("an address").to_string();
    let router = Router::new().route("/", get(|| async { StatusCode::OK }));
    let serving = tokio::spawn(async move {
        axum::serve(listener, router).await.expect("it serves");
    });
    (authority, AbortOnDropHandle::new(serving))
}

#[tokio::test(flavor = "multi_thread")]
async fn http_reaches_the_granted_host_and_no_other() {
    let (granted, _granted_server) = server().await;
    let (other, _other_server) = server().await;
    let asking = |name: &str, authority: &str| {
        let manifest =
            format!("[allow]\nhttp = [\"{granted}\"]\n[config]\nauthority = \"{authority}\"\n");
        plugin("ungranted-http").named(name).manifest(&manifest)
    };
    let node = TestNode::start([asking("allowed", &granted), asking("denied", &other)]).await;
    let reports = node.listen("custom.report.ungranted-http").await;
    let again = node.listen("custom.report.ungranted-http").await;
    node.send("ungranted-http.ask", 1).await;
    let allowed = reports.from("/nodes/test/plugins/allowed").next().await;
    assert_eq!(allowed["data"]["status"], 200, "{allowed}");
    let denied = again.from("/nodes/test/plugins/denied").next().await;
    let error = denied["data"]["error"].as_str().expect("an error");
    assert!(error.contains("HttpRequestDenied"), "{error}");
    for (name, host, outcome) in [
        ("allowed", "127.0.0.1", "200"),
        ("denied", "other", "refused"),
    ] {
        let status = node.status(name).await.expect("it is there");
        let [counted] = &status.http[..] else {
            panic!("{:?}", status.http);
        };
        assert_eq!(counted.host, host);
        assert_eq!(counted.requests, BTreeMap::from([(outcome.to_owned(), 1)]));
    }
    let metrics = node.get("/metrics").await.text().await.expect("a text");
    let line = r#"plugin_http_requests_total{plugin="allowed",host="127.0.0.1",status="200"} 1"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_spelling_of_an_address_is_reached() {
    let (server, _serving) = server().await;
    let (_, port) = server.rsplit_once(':').expect("a port");
    let asking = |host: &str| {
        let manifest = format!(
            "[allow]\nhttp = [\"localhost:{port}\", \"a.example\"]\n\
             [config]\nauthority = \"{host}:{port}\"\n"
        );
        plugin("ungranted-http").manifest(&manifest)
    };
    let node = TestNode::start([asking("localhost")]).await;
    let mut reports = node.listen("custom.report.ungranted-http").await;
    let mut asked = async |host: &str| {
        node.place(&asking(host));
        // Answered when it is loaded with the manifest as it is now.
        node.succeed("ungranted-http", "reload").await;
        node.send("ungranted-http.ask", 1).await;
        reports.next().await["data"].clone()
    };
    let here = asked("localhost").await;
    assert_eq!(here["status"], 200, "{here}");
    for host in [
        "127.0.0.1",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
    ] {
        let refused = asked(host).await;
        let error = refused["error"].as_str().expect("an error");
        assert!(error.contains("HttpRequestDenied"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_code_is_kept_over_a_restart() {
    let node = TestNode::start([plugin("echo")]).await;
    let hash = node
        .status("echo")
        .await
        .and_then(|status| status.content_hash);
    let hash: Arc<str> = hash.expect("it runs").into();
    let (_, folders) = node.stop().await;
    let code = folders.path().join("data/code");
    // Compiling again would put another file in the place of this one.
    let kept = || -> BTreeMap<String, u64> {
        std::fs::read_dir(&code)
            .expect("the node has made it")
            .map(|entry| entry.expect("it is readable"))
            .map(|entry| {
                let file = entry.metadata().expect("it is readable");
                let name = entry.file_name().into_string().expect("an ASCII name");
                (name, file.ino())
            })
            .collect()
    };
    let before = kept();
    // The code and its checksum.
    assert_eq!(before.len(), 2, "{before:?}");
    assert!(
        before.keys().all(|name| name.starts_with(&*hash)),
        "{before:?}"
    );
    let node = TestNode::start_in(folders).await;
    let status = node.status("echo").await.expect("it is there");
    assert_eq!(status.content_hash.as_deref(), Some(&*hash));
    assert_eq!(kept(), before, "not compiled again");
}
