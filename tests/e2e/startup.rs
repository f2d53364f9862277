//! How a node begins.

use hearken::config::NodeConfig;
use hearken::node::Node;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::support::POLL;
use crate::support::api::Api;
use crate::support::plugin::plugin;

#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_taken_before_the_plugins_can_get_it() {
    let folders = TempDir::new().expect("a temporary folder");
    let plugins = folders.path().join("plugins");
    std::fs::create_dir(&plugins).expect("a new folder");
    let recorder = plugin("recorder").manifest("subscribe = [\"custom.good.*\"]");
    recorder.place(&plugins);
    // Keeps the node from being ready for a while.
    let slow = plugin("describe-spin").manifest("[limits]\ndeadline = \"1s\"\n");
    slow.place(&plugins);
    let config = NodeConfig {
        plugins,
        data: folders.path().join("data"),
        ..NodeConfig::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it has one");
    let starting = tokio::spawn(Node::start(config, listener));

    let api = Api::new(format!("http://{address}"));
    assert_eq!(api.get("/livez").await.status(), StatusCode::OK);
    let mut recorded = api.listen("custom.recorded.*").await;
    let taken: Value = loop {
        let answer = api.post(&json!({ "type": "good.first" })).await;
        if answer.status() == StatusCode::ACCEPTED {
            break answer.json().await.expect("a receipt");
        }
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key("retry-after"));
        let problem: Value = answer.json().await.expect("a problem");
        assert_eq!(problem["type"], "urn:hearken:problem:starting");
        tokio::time::sleep(POLL).await;
    };
    assert_eq!(recorded.next().await["data"]["id"], taken["id"]);
    assert_eq!(api.get("/readyz").await.status(), StatusCode::OK);

    let node = starting.await.expect("it does not panic");
    let node = node.expect("a plugin that fails does not matter");
    let stop = CancellationToken::new();
    stop.cancel();
    drop(recorded);
    node.run(stop).await.expect("it ends in order");
}
