//! The API for servers of applications, by requests as `cent` sends them: the published client
//! itself is tried beside this suite (`tests/clients`).

use serde_json::{Value, json};

use super::*;

/// A request of `cent`.
fn request(api: &Api, method: &str, body: &Value) -> RequestBuilder {
    api.request(Method::POST, &format!("/api/{method}"))
        .header("user-agent", "centrifugal/pycent")
        .header("content-type", "application/json")
        .header("x-api-key", SERVER_KEY)
        .body(body.to_string())
}

/// What it is answered.
async fn call(api: &Api, method: &str, body: Value) -> Value {
    let answered = answer(request(api, method, &body)).await;
    assert_eq!(answered.status(), StatusCode::OK, "{method} {body}");
    answered.json().await.expect("JSON")
}

/// The same, of what succeeds.
async fn result(api: &Api, method: &str, body: Value) -> Value {
    let answered = call(api, method, body).await;
    assert!(answered.get("error").is_none(), "{method}: {answered}");
    answered["result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_command_the_sessions_of_users() {
    let node = node().await;
    let token = node.hearken(&["sessions", "token", "--user", "ada"]).await;
    let connect = json!({ "token": token.stdout.trim() }).to_string();
    let listening = node
        .request(Method::GET, "/connection/uni_sse")
        .query(&[("cf_connect", &connect)]);
    let mut stream = Stream::open(listening).await;
    let client = stream.message().await["connect"]["client"].clone();

    let ada = |channel: &str| json!({ "user": "ada", "channel": channel });
    let subscribe = json!({
        "user": "ada", "channel": "chat:1", "info": { "role": "seller" }, "data": { "a": 1 },
        "override": { "force_recovery": { "value": true } },
    });
    assert_eq!(result(&node, "subscribe", subscribe).await, json!({}));
    let told = stream.message().await;
    assert_eq!(told["channel"], "chat:1");
    assert_eq!(told["subscribe"]["data"], json!({ "a": 1 }));
    assert_eq!(told["subscribe"]["recoverable"], true, "{told}");

    let publish = json!({ "channel": "chat:1", "data": { "n": 1 }, "tags": { "of": "cent" } });
    let first = result(&node, "publish", publish).await;
    assert_eq!(first["offset"], 1);
    let push = stream.message().await;
    assert_eq!(push["pub"]["data"], json!({ "n": 1 }));
    assert_eq!(push["pub"]["tags"]["of"], "cent");
    let broadcast = json!({
        "channels": ["chat:1", "plain:1", "nothing:1"], "data": [2], "idempotency_key": "k",
    });
    for _ in 0..2 {
        let responses = result(&node, "broadcast", broadcast.clone()).await["responses"].clone();
        assert_eq!(responses[0]["result"]["offset"], 2);
        assert_eq!(responses[0]["result"]["epoch"], first["epoch"]);
        assert_eq!(responses[1]["result"], json!({}));
        assert_eq!(responses[2]["error"]["code"], 102);
    }
    assert_eq!(stream.message().await["pub"]["offset"], 2);

    let channel = json!({ "channel": "chat:1" });
    let presence = result(&node, "presence", channel.clone()).await;
    let present = &presence["presence"][client.as_str().expect("an id")];
    assert_eq!(present["user"], "ada");
    assert_eq!(present["chan_info"], json!({ "role": "seller" }));
    let stats = result(&node, "presence_stats", channel.clone()).await;
    assert_eq!(stats, json!({ "num_clients": 1, "num_users": 1 }));
    let page = json!({ "channel": "chat:1", "limit": 1, "reverse": true });
    let page = result(&node, "history", page).await;
    assert_eq!(page["publications"][0]["offset"], 2);
    assert_eq!(page["offset"], 2);
    let channels = result(&node, "channels", json!({ "pattern": "chat:*" })).await;
    assert_eq!(
        channels["channels"],
        json!({ "chat:1": { "num_clients": 1 } })
    );
    let nodes = result(&node, "info", json!({})).await["nodes"].clone();
    assert_eq!(nodes[0]["name"], "test");
    assert_eq!(nodes[0]["num_clients"], 1);
    assert!(
        nodes[0]["uid"].is_string() && nodes[0]["version"].is_string(),
        "{nodes}"
    );
    assert!(nodes[0]["uptime"].is_u64(), "{nodes}");
    let batch = json!({ "commands": [
        { "publish": { "channel": "chat:1", "data": 3 } },
        { "presence_stats": { "channel": "chat:1" } },
    ]});
    let batch = call(&node, "batch", batch).await;
    assert_eq!(batch["replies"][0]["publish"]["offset"], 3);
    assert_eq!(batch["replies"][1]["presence_stats"]["num_users"], 1);
    assert_eq!(stream.message().await["pub"]["data"], 3);

    assert_eq!(result(&node, "history_remove", channel).await, json!({}));
    assert_eq!(result(&node, "unsubscribe", ada("chat:1")).await, json!({}));
    assert_eq!(stream.message().await["unsubscribe"]["code"], 2000);
    let refresh = json!({ "user": "ada", "expire_at": 4_000_000_000_u64 });
    assert_eq!(result(&node, "refresh", refresh).await, json!({}));
    assert_eq!(stream.message().await["refresh"]["expires"], true);
    let spared = json!({ "user": "ada", "whitelist": [client] });
    assert_eq!(result(&node, "disconnect", spared).await, json!({}));
    let disconnect = json!({ "user": "ada", "disconnect": { "code": 4501, "reason": "bye" } });
    assert_eq!(
        result(&node, "disconnect", disconnect.clone()).await,
        json!({})
    );
    assert_eq!(
        stream.message().await,
        json!({ "disconnect": disconnect["disconnect"] })
    );
    assert_eq!(stream.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_within_the_answer() {
    let node = node().await;
    for (method, body, code) in [
        ("publish", json!({ "channel": "nothing:1", "data": 1 }), 102),
        ("publish", json!({ "channel": "", "data": 1 }), 107),
        ("publish", json!({ "channel": "chat:1" }), 107),
        ("history", json!({ "channel": "plain:1", "limit": 1 }), 108),
        (
            "history",
            json!({ "channel": "chat:1", "limit": 1, "since": { "offset": 1, "epoch": "x" } }),
            112,
        ),
        ("subscribe", json!({ "channel": "chat:1" }), 107),
        ("no_such_method", json!({}), 104),
    ] {
        let answered = call(&node, method, body.clone()).await;
        assert_eq!(
            answered["error"]["code"], code,
            "{method} {body}: {answered}"
        );
        let message = answered["error"]["message"].as_str().expect("a message");
        assert!(!message.is_empty());
        let by_status =
            request(&node, method, &body).header("x-centrifugo-error-mode", "transport");
        let refused = answer(by_status).await;
        assert!(
            refused.status().is_client_error(),
            "{method}: {}",
            refused.status()
        );
        let told: Value = refused.json().await.expect("JSON");
        assert_eq!(told["error"]["code"], code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_another_credential_has_its_rights() {
    let guarded = CONFIGURATION.replace(
        "anonymous = [\"admin\"]",
        "[access.roles.shop]\nappend = [\"chat:*\"]\n\
         [access.roles.house]\nread = [\"chat:*\"]\n\
         [access.roles.staff]\noperate = true",
    );
    let guarded = guarded.replace(
        "hmac_secret_file",
        "roles_claim = \"roles\"\nhmac_secret_file",
    );
    let node = NodeProcess::start_again(configured(&guarded).0, &[]).await;
    let mut tokens = Vec::new();
    for role in ["shop", "house", "staff"] {
        let token = node
            .hearken(&["access", "token", "--subject", "ada", "--role", role])
            .await;
        assert_eq!(token.code, 0, "{token:?}");
        tokens.push((role, token.stdout.trim().to_owned()));
    }
    let chat = json!({ "channel": "chat:1", "data": 1 });
    let plain = json!({ "channel": "plain:1", "data": 1 });
    for (method, body, role) in [
        ("publish", &chat, "shop"),
        ("history", &chat, "house"),
        ("presence", &chat, "house"),
        ("channels", &chat, "staff"),
        ("info", &chat, "staff"),
        ("history_remove", &chat, "staff"),
        ("publish", &plain, "nobody"),
    ] {
        for (known, token) in &tokens {
            let called = node
                .request(Method::POST, &format!("/api/{method}"))
                .bearer_auth(token)
                .body(body.to_string());
            let answered: Value = answer(called).await.json().await.expect("JSON");
            let code = &answered["error"]["code"];
            let expected = if *known == role {
                Value::Null
            } else {
                json!(103)
            };
            assert_eq!(*code, expected, "{method} as {known}: {answered}");
        }
    }
    for (name, value) in [
        ("x-api-key", "wrong"),
        ("authorization", "apikey wrong"),
        ("authorization", "Bearer wrong"),
    ] {
        let called = node.request(Method::POST, "/api/info").header(name, value);
        assert_eq!(
            answer(called).await.status(),
            StatusCode::UNAUTHORIZED,
            "{value}"
        );
    }
    let nobody = answer(node.request(Method::POST, "/api/info")).await;
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    // The key opens this API alone.
    let other = node
        .request(Method::GET, "/v1/sessions")
        .header("x-api-key", SERVER_KEY);
    assert_eq!(answer(other).await.status(), StatusCode::UNAUTHORIZED);
    let own = answer(request(&node, "info", &json!({}))).await;
    assert_eq!(own.status(), StatusCode::OK);
}
