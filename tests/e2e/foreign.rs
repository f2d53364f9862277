//! Components that were written for wasmCloud.

use serde_json::json;

use crate::support::api::answer;
use crate::support::node::TestNode;
use crate::support::plugin::plugin;

#[tokio::test(flavor = "multi_thread")]
pub async fn echo() {
    let echo = plugin("wasmcloud-echo").manifest("subscribe = [\"custom.shop.*\"]");
    let node = TestNode::start([echo]).await;
    let status = node.status("wasmcloud-echo").await.expect("it is there");
    assert_eq!(
        status.interface.as_deref(),
        Some("wasmcloud:messaging/handler@0.2.0")
    );
    let mut answers = node.listen("custom.answer").await;
    node.send("shop.opened", "nobody asks").await;
    node.ask("shop.opened", "answer", "when?").await;
    let reply = answers.next().await;
    assert_eq!(reply["source"], "/nodes/test/plugins/wasmcloud-echo");
    assert_eq!(reply["datacontenttype"], "application/octet-stream");
    // `"WHEN?"` with its quotation marks: the body is the data, byte for byte.
    assert_eq!(reply["data_base64"], "IldIRU4/Ig==");
}

#[tokio::test(flavor = "multi_thread")]
pub async fn without_subscribe_it_says_what_to_do() {
    let node = TestNode::start([plugin("wasmcloud-echo")]).await;
    let status = node.status("wasmcloud-echo").await.expect("it is there");
    let error = status.last_error.expect("an error");
    assert!(error.contains("subscribe = ["), "{error}");
    assert!(error.contains("wasmcloud-echo.toml"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
pub async fn request() {
    let asker = plugin("wasmcloud-request").manifest("subscribe = [\"custom.ask\"]");
    let node = TestNode::start([asker, plugin("echo")]).await;
    let mut answers = node.listen("custom.wasmcloud.answer").await;
    for (subject, expected) in [
        ("the.echo", "a question"),
        ("custom.the.echo", "a question"),
    ] {
        ask(&node, subject).await;
        assert_eq!(answers.next().await["data_base64"], base64(expected));
    }
    node.succeed("echo", "pause").await;
    ask(&node, "nobody").await;
    let expected = "error: no answer within 1000 ms";
    assert_eq!(answers.next().await["data_base64"], base64(expected));
    ask(&node, "not a type").await;
    let refused = answers.next().await;
    assert_ne!(refused["data_base64"], base64(expected));
}

/// Lets the asker ask a subject; it takes the body as it is, so it is no JSON.
async fn ask(node: &TestNode, subject: &str) {
    let request = node
        .request(reqwest::Method::POST, "/v1/events")
        .header("ce-specversion", "1.0")
        .header("ce-id", subject.replace(' ', "-"))
        .header("ce-source", "/tests")
        .header("ce-type", "ask")
        .header("content-type", "text/plain")
        .body(subject.to_owned());
    assert_eq!(answer(request).await.status(), 202);
}

fn base64(text: &str) -> serde_json::Value {
    use base64::Engine as _;
    json!(base64::engine::general_purpose::STANDARD.encode(text))
}
