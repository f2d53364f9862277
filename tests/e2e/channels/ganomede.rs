//! The API of ganomede-events, as the configuration of a node has it.

use std::path::{Path, PathBuf};

use hearken::config::{GanomedeSecret, GanomedeSettings, NodeConfig};
use hearken::node::Node;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::api::answer;
use crate::support::node::{TestNode, config, free_ports};

/// The configuration of a node that has the secret of this file.
fn with_secret_file(folder: &Path, file: PathBuf) -> NodeConfig {
    NodeConfig {
        ganomede: GanomedeSettings {
            secret: Some(GanomedeSecret::File(file)),
            ..GanomedeSettings::default()
        },
        ..config(folder)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_with_the_secret_of_a_file_is_there_after_a_restart() {
    let folders = TempDir::new().expect("a temporary folder");
    let file = folders.path().join("secret");
    std::fs::write(&file, "hunter22\n").expect("a new file");
    let config = with_secret_file(folders.path(), file);
    let node = TestNode::start_with(config.clone(), folders).await;
    let send = async |secret: &str| {
        let event = json!({
            "clientId": "shop", "channel": "orders", "from": "shop/v1", "type": "PAID",
            "data": {"total": 42}, "secret": secret,
        });
        let request = node.request(Method::POST, "/events/v1/events");
        answer(request.json(&event)).await
    };
    assert_eq!(send("hunter22\n").await.status(), StatusCode::UNAUTHORIZED);
    let sent = send("hunter22").await;
    assert_eq!(sent.status(), StatusCode::OK);
    let sent: Value = sent.json().await.expect("JSON");
    assert_eq!(sent["id"], 1);

    let (ended, folders) = node.stop().await;
    ended.expect("it has ended well");
    let node = TestNode::start_with(config, folders).await;
    let latest = "/events/v1/latest?channel=orders&secret=hunter22";
    let latest: Value = node.get(latest).await.json().await.expect("JSON");
    assert_eq!(latest, json!([sent]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_file_of_its_secret_a_node_does_not_start() {
    let folders = TempDir::new().expect("a temporary folder");
    let file = folders.path().join("none");
    let config = with_secret_file(folders.path(), file);
    let started = Node::start(config, free_ports().await).await;
    let error = started.err().expect("there is no such file").to_string();
    assert!(error.contains("ganomede.secret_file"), "{error}");
}
