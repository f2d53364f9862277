//! A text answers sessions, and hears what goes over their channels.

use reqwest::Method;
use serde_json::{Value, json};

use crate::sessions::{Session, configured};
use crate::support::api::answer;
use crate::support::engines;
use crate::support::events::Events;
use crate::support::process::NodeProcess;

const CONFIGURATION: &str = r#"
[access]
anonymous = ["admin"]

[sessions]
connect = "doorman"
rpc = { "door.*" = "doorman" }

[sessions.namespaces.chat]
hooks = "doorman"

[sessions.namespaces.other]
"#;

/// A node on which this text answers sessions.
async fn node(text: &str) -> NodeProcess {
    let (folder, _) = configured(CONFIGURATION);
    engines::put_into(&folder.path().join("data")).await;
    let plugins = folder.path().join("plugins");
    for (name, content) in [
        ("doorman.toml", "[allow]\nsessions = [\"chat\"]\n"),
        ("doorman.js", text),
    ] {
        std::fs::write(plugins.join(name), content).expect("a new file");
    }
    NodeProcess::start_again(folder, &[]).await
}

async fn connect(node: &NodeProcess, data: Value) -> Session {
    Session::connect(node, "POST http_stream", json!({ "data": data })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_answers_what_sessions_ask() {
    let text = r#"import { Disconnect, Refusal, sessionHooks } from "hearken";
        sessionHooks("chat", {
          async connect(request) {
            await Promise.resolve();
            return { user: request.data.user, data: { via: request.transport } };
          },
          subscribe(session, { channel }) {
            if (channel === "chat:closed") return false;
            if (channel === "chat:late") throw new Refusal("later", { code: 420, temporary: true });
            return { data: { for: session.user } };
          },
          publish(session, { data }) {
            if (data.bad) throw new TypeError("a mistake of the author's");
            return { data: { ...data, from: session.user } };
          },
          rpc(session, method, data) {
            if (data.leave) throw new Disconnect("bye", { code: 4001 });
            return { method, sum: data.a + data.b };
          },
        });"#;
    let node = node(text).await;
    let mut ada = connect(&node, json!({ "user": "ada" })).await;

    let subscribe = |channel: &str| json!({ "subscribe": { "channel": channel }, "id": 2 });
    let reply = ada.command(&node, subscribe("chat:open")).await;
    assert_eq!(
        reply["subscribe"]["data"],
        json!({ "for": "ada" }),
        "{reply}"
    );
    let reply = ada.command(&node, subscribe("chat:closed")).await;
    assert_eq!(reply["error"]["code"], 103, "{reply}");
    let reply = ada.command(&node, subscribe("chat:late")).await;
    assert_eq!(reply["error"]["code"], 420, "{reply}");
    assert_eq!(reply["error"]["temporary"], true, "{reply}");

    let rpc = |data: Value| json!({ "rpc": { "method": "door.add", "data": data }, "id": 3 });
    let reply = ada.command(&node, rpc(json!({ "a": 1, "b": 2 }))).await;
    assert_eq!(
        reply["rpc"]["data"],
        json!({ "method": "door.add", "sum": 3 })
    );

    let publish =
        |data: Value| json!({ "publish": { "channel": "chat:open", "data": data }, "id": 4 });
    let mut heard = published(&node).await;
    let reply = ada.command(&node, publish(json!({ "text": "hi" }))).await;
    assert!(reply["error"].is_null(), "{reply}");
    let event = heard.next().await;
    assert_eq!(event["data"], json!({ "text": "hi", "from": "ada" }));
    // What the text throws without meaning it refuses, and is told in the log.
    let reply = ada.command(&node, publish(json!({ "bad": true }))).await;
    assert_eq!(reply["error"]["code"], 100, "{reply}");
    let told = |line: &Value| {
        line["message"].as_str().is_some_and(|told| {
            told.contains("a mistake of the author's") && told.contains("doorman.js:13:")
        })
    };
    node.logged(told).await;
}

async fn published(node: &NodeProcess) -> Events {
    node.listen("custom.chat.published").await
}

/// `chat:*` is every channel of the namespace, live, and no channel of another.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_hears_all_channels_of_a_namespace() {
    let text = r#"import { listen, send, sessionHooks } from "hearken";
        sessionHooks("chat", { connect: () => ({ user: "ada" }) });
        listen("custom.*", { channel: "chat:*" }, function hear(event) {
          send("heard", { data: [event.channel, event.data] });
        });"#;
    let node = node(text).await;
    let mut heard = node.listen("custom.heard").await;
    for (channel, data) in [("chat:1", 1), ("other:1", 2), ("chat:2", 3)] {
        let event = json!({ "type": "said", "channel": channel, "data": data });
        answer(node.request(Method::POST, "/v1/events").json(&event)).await;
    }
    assert_eq!(heard.next().await["data"], json!(["chat:1", 1]));
    assert_eq!(heard.next().await["data"], json!(["chat:2", 3]));
}
