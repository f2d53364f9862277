//! How a node begins.

use hearken::config::NodeConfig;
use hearken::node::Node;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::api::Api;
use crate::support::node::{compile_settings, free_ports};
use crate::support::plugin::plugin;

#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_taken_before_the_plugins_can_get_it() {
    let folders = TempDir::new().expect("a temporary folder");
    let plugins = folders.path().join("plugins");
    std::fs::create_dir(&plugins).expect("a new folder");
    let recorder = plugin("recorder").manifest("subscribe = [\"custom.good.*\"]");
    recorder.place(&plugins);
    let config = NodeConfig {
        plugins,
        data: folders.path().join("data"),
        compile: compile_settings(),
        ..NodeConfig::default()
    };
    let listeners = free_ports().await;
    let address = listeners.http.local_addr().expect("it has one");
    let starting = Node::serve(config, listeners).expect("it can use the folders");

    let api = Api::new(format!("http://{address}"));
    let mut recorded = api.listen("custom.recorded.*").await;
    assert_eq!(api.get("/livez").await.status(), StatusCode::OK);
    assert_eq!(api.get("/v1/plugins").await.status(), StatusCode::OK);
    for early in [
        api.get("/readyz").await,
        api.post(&json!({ "type": "good.early" })).await,
    ] {
        assert_eq!(early.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(early.headers().contains_key("retry-after"));
        let problem: Value = early.json().await.expect("a problem");
        assert_eq!(problem["type"], "urn:hearken:problem:starting");
    }

    let node = starting.load().await.expect("the folder can be read");
    assert_eq!(api.get("/readyz").await.status(), StatusCode::OK);
    let id = api.send("good.first", 1).await;
    assert_eq!(recorded.next().await["data"]["id"], *id);
    let stop = CancellationToken::new();
    stop.cancel();
    drop(recorded);
    node.run(stop).await.expect("it ends in order");
}
