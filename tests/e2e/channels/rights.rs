//! Who may do what with channels.

use hearken::access::NewKey;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::api::answer;
use crate::support::process::NodeProcess;

const ROLES: &str = r#"
[channels.orders]
[channels.secret]
[access.roles.shop]
publish = ["custom.order.*"]
append = ["orders", "secre"]
[access.roles.billing]
read = ["orders"]
[access.roles.boss]
read = ["*"]
operate = true
"#;

struct Guarded {
    node: NodeProcess,
    keys: Vec<(&'static str, NewKey)>,
}

impl Guarded {
    async fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("plugins")).expect("a new folder");
        let names = ["shop", "billing", "boss"];
        let keys = names.map(|name| (name, NewKey::generate().expect("randomness")));
        let mut text = ROLES.to_owned();
        for (name, key) in &keys {
            let hash = key.hash();
            text.push_str(&format!(
                "[access.keys.{name}]\nkeys = [\"{hash}\"]\nroles = [\"{name}\"]\n"
            ));
        }
        std::fs::write(folder.path().join("hearken.toml"), text).expect("a new file");
        Self {
            node: NodeProcess::start_again(folder, &[]).await,
            keys: keys.into(),
        }
    }

    fn request(&self, name: &str, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut keys = self.keys.iter();
        let (_, key) = keys.find(|(known, _)| *known == name).expect("a key");
        self.node
            .request(method, path)
            .bearer_auth(key.reveal().to_string())
    }

    async fn append(&self, name: &str, channel: &str, event_type: &str) -> (StatusCode, Value) {
        let path = format!("/v1/channels/{channel}/events");
        let request = self.request(name, Method::POST, &path);
        let request = request.json(&json!({"type": event_type, "id": "1", "source": "/s"}));
        let response = answer(request).await;
        (response.status(), response.json().await.expect("JSON"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_right_is_for_the_channels_that_it_names() {
    let guarded = Guarded::start().await;
    let (status, receipt) = guarded.append("shop", "orders", "order.paid").await;
    assert_eq!(status, StatusCode::CREATED, "{receipt}");
    for (name, channel, event_type, right) in [
        ("shop", "orders", "other", "publish custom.other"),
        ("shop", "secret", "order.paid", "append secret"),
        ("shop", "nowhere", "order.paid", "append nowhere"),
        ("billing", "orders", "order.paid", "append orders"),
    ] {
        let (status, problem) = guarded.append(name, channel, event_type).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{problem}");
        assert_eq!(problem["right"], right);
    }
    // Another channel is named in place of a missing one to whoever may know of it.
    let (status, problem) = guarded.append("shop", "secre", "order.paid").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{problem}");
    let told = |problem: &Value| {
        problem["detail"]
            .to_string()
            .contains("did you mean `secret`?")
    };
    assert!(!told(&problem), "{problem}");
    let missing = guarded.request("boss", Method::GET, "/v1/channels/secre/events");
    let problem: Value = answer(missing).await.json().await.expect("a problem");
    assert!(told(&problem), "{problem}");
    let named = guarded.request("shop", Method::POST, "/v1/events");
    let named = answer(named.json(&json!({"type": "order.paid", "channel": "secret"}))).await;
    assert_eq!(named.status(), StatusCode::FORBIDDEN);

    for (name, path, status) in [
        ("billing", "/v1/channels/orders/events", 200),
        ("billing", "/v1/channels/secret/events", 403),
        ("billing", "/v1/channels/secret/latest", 403),
        ("billing", "/v1/channels/secret/events/1", 403),
        ("billing", "/v1/channels/secret/cursors/me", 403),
        ("billing", "/v1/channels/secret/indexes/a/b", 403),
        ("billing", "/v1/channels", 403),
        ("shop", "/v1/channels/orders/events", 403),
        ("boss", "/v1/channels/secret/events", 200),
    ] {
        let response = answer(guarded.request(name, Method::GET, path)).await;
        assert_eq!(response.status(), status, "{name} {path}");
    }
    // A stream may show its credential in the query.
    let (_, key) = &guarded.keys[1];
    let stream = guarded
        .node
        .request(Method::GET, "/v1/channels/orders/events");
    let stream = stream.header("accept", "text/event-stream");
    let stream = answer(stream.query(&[("access_token", key.reveal().to_string())])).await;
    assert_eq!(stream.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_the_same_id_of_others_is_another_event_and_cursors_are_ones_own() {
    let guarded = Guarded::start().await;
    let (_, first) = guarded.append("shop", "orders", "order.paid").await;
    let (status, again) = guarded.append("shop", "orders", "order.paid").await;
    assert_eq!(
        (status, &again["duplicate"]),
        (StatusCode::OK, &json!(true))
    );
    assert_eq!(again["sequence"], first["sequence"]);

    let path = "/v1/channels/orders/cursors/me";
    let put = async |name| {
        let request = guarded.request(name, Method::PUT, path);
        answer(request.json(&json!({"after": 1}))).await
    };
    let made = put("billing").await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let cursor: Value = made.json().await.expect("a cursor");
    assert_eq!(cursor["owner"], "key:billing");
    assert_eq!(
        put("boss").await.status(),
        StatusCode::OK,
        "an operator may"
    );
    assert_eq!(put("shop").await.status(), StatusCode::FORBIDDEN);
}
