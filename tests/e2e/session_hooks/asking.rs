//! What a plugin is asked, and what becomes of its answers.

use super::*;

#[tokio::test(flavor = "multi_thread")]
pub async fn a_session_is_who_the_plugin_says_and_the_plugin_sees_how_it_came() {
    in_each_language(async |language| {
        let node = node(language).await;
        let connect = json!({
            "token": "opaque", "name": "js", "version": "5",
            "data": { "user": "ada", "channels": ["chat:1"] },
        });
        let command = json!({ "connect": connect, "id": 1 }).to_string();
        let request = node
            .request(Method::POST, "/connection/http_stream")
            .header("X-Trace", "t-1")
            .header("X-Other", "o-1")
            .body(command);
        let connected = Stream::open(request).await.message().await["connect"].clone();
        let seen = &connected["data"];
        let expected = json!({
            "user": "",
            "transport": "http_stream",
            "protocol": "json",
            "encoding": "json",
            "name": "js",
            "version": "5",
            "claims": null,
            // The node has no key by which to read it.
            "token": "opaque",
            "headers": [["x-trace", "t-1"]],
            "address": "127.0.0.1",
        });
        assert_eq!(*seen, expected);
        assert!(connected["subs"]["chat:1"].is_object(), "{connected}");

        let mut ada = user(&node, "ada").await;
        let who = call(&node, &mut ada, "door.whoami", json!({})).await;
        let expected = json!({ "client": ada.id(), "user": "ada" });
        assert_eq!(who["rpc"]["data"], expected);
        let shown = node.get(&format!("/v1/sessions/{}", ada.id())).await;
        let shown: Value = shown.json().await.expect("JSON");
        assert_eq!(shown["user"], "ada");

        let refused = answer_to_connect(&node, json!({ "data": { "refuse": 403 } })).await;
        assert_eq!(code(&refused), 403);
        assert_eq!(refused["error"]["message"], "not you");
        let closed = answer_to_connect(&node, json!({ "data": { "refuse": 4100 } })).await;
        assert_eq!(closed["push"]["disconnect"]["code"], 4100, "{closed}");
        // The plugin is not granted that namespace.
        let data = json!({ "data": { "user": "ada", "channels": ["plain:1"] } });
        let refused = answer_to_connect(&node, data).await;
        assert_eq!(refused["push"]["disconnect"]["code"], 3004, "{refused}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_of_a_token_that_is_right_are_shown_and_the_token_is_not() {
    let tokens = "[access.tokens.app]\nhmac_secret_file = \"token.secret\"\n";
    let configuration = CONFIGURATION.replace("[sessions]\n", "[sessions]\ntoken = \"app\"\n");
    let node = node_of(
        &format!("{tokens}{configuration}"),
        [doorman(Language::Rust)],
    )
    .await;
    let token = node.hearken(&["sessions", "token", "--user", "ada"]).await;
    let request = json!({ "token": token.stdout.trim() });
    let ada = Session::connect(&node, WAY, request).await;
    let seen = &ada.connected["data"];
    assert_eq!(seen["user"], "ada");
    assert_eq!(seen["claims"]["sub"], "ada");
    assert_eq!(seen["token"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_narrowed_or_decided() {
    in_each_language(async |language| {
        let node = node(language).await;
        let mut ada = user(&node, "ada").await;
        for namespace in ["chat", "judged"] {
            let taken = subscribe(&node, &mut ada, &format!("{namespace}:1")).await;
            let data = &taken["subscribe"]["data"];
            let expected = json!({ "user": "ada", "meta": { "came": "by the door" } });
            assert_eq!(*data, expected, "{taken}");
            let refused = subscribe(&node, &mut ada, &format!("{namespace}:closed")).await;
            assert_eq!(code(&refused), 403);
            assert_eq!(refused["error"]["message"], "members only");
            // A code that no plugin gives.
            let refused = subscribe(&node, &mut ada, &format!("{namespace}:nonsense")).await;
            assert_eq!(code(&refused), 100);
        }
        let presence = json!({ "presence": { "channel": "chat:1" }, "id": 4 });
        let presence = ada.command(&node, presence).await["presence"]["presence"].clone();
        let ada_there = &presence[ada.id()];
        assert_eq!(ada_there["conn_info"], json!({ "by": "doorman" }));
        assert_eq!(ada_there["chan_info"], json!({ "seat": 7 }));
        // Where nobody is asked nothing is said.
        let plain = subscribe(&node, &mut ada, "plain:1").await;
        assert_eq!(plain["subscribe"], json!({}));
        let out = subscribe(&node, &mut ada, "chat:out").await;
        assert_eq!(out["push"]["disconnect"]["code"], 4403, "{out}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_is_changed_swallowed_or_refused() {
    in_each_language(async |language| {
        let node = node(language).await;
        let mut ada = user(&node, "ada").await;
        subscribe(&node, &mut ada, "chat:1").await;
        let publish =
            |data: Value| json!({ "publish": { "channel": "chat:1", "data": data }, "id": 5 });
        let published = ada.command(&node, publish(json!({ "text": "hi" }))).await;
        // The push and the reply come in whichever order.
        let other = ada.stream.message().await;
        let push = [&published, &other]
            .into_iter()
            .find(|it| it["push"].is_object());
        let push = push.expect("it is published");
        assert_eq!(push["push"]["pub"]["data"], json!({ "text": "HI" }));
        assert_eq!(push["push"]["pub"]["info"]["user"], "ada");
        for (text, expected) in [("refuse", 400), ("break", 100)] {
            let refused = ada.command(&node, publish(json!({ "text": text }))).await;
            assert_eq!(code(&refused), expected, "{text}");
        }
        let swallowed = ada
            .command(&node, publish(json!({ "text": "swallow" })))
            .await;
        assert_eq!(swallowed["publish"], json!({}), "{swallowed}");
        let kept = call(
            &node,
            &mut ada,
            "door.history",
            json!({ "channel": "chat:1" }),
        )
        .await;
        let kept = &kept["rpc"]["data"];
        assert_eq!(*kept, json!({ "data": [{ "text": "HI" }], "top": 1 }));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_is_answered_by_the_plugin_that_the_node_names() {
    in_each_language(async |language| {
        let node = node(language).await;
        let mut ada = user(&node, "ada").await;
        for (method, expected) in [
            ("door.unknown", 104),
            ("other.version", 104),
            ("missing.version", 100),
            // Of which a client that speaks JSON could make nothing.
            ("door.raw", 100),
        ] {
            let refused = call(&node, &mut ada, method, json!({})).await;
            assert_eq!(code(&refused), expected, "{method}: {refused}");
        }
        let said = |line: &Value| {
            let message = line["message"].as_str().unwrap_or_default();
            line["plugin"] == "nobody" && message.contains("not there")
        };
        timeout(DEADLINE, node.logged(said))
            .await
            .expect("it is told");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_is_not_asked() {
    let manifest = format!("{MANIFEST}[config]\nunanswered = \"subscribe publish\"\n");
    let node = node_of(CONFIGURATION, [plugin("doorman").manifest(&manifest)]).await;
    let mut ada = user(&node, "ada").await;
    // It could only have kept it out.
    let taken = subscribe(&node, &mut ada, "chat:closed").await;
    assert_eq!(taken["subscribe"]["data"], Value::Null, "{taken}");
    assert_eq!(code(&taken), 0);
    // It would have to let it in.
    let refused = subscribe(&node, &mut ada, "judged:1").await;
    assert_eq!(code(&refused), 103);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_is_refused_and_told_once() {
    in_each_language(async |language| {
        let node = node(language).await;
        let mut ada = user(&node, "ada").await;
        for channel in ["other:1", "other:2"] {
            let refused = subscribe(&node, &mut ada, channel).await;
            assert_eq!(code(&refused), 100, "{refused}");
        }
        let is_it = |line: &Value| {
            let message = line["message"].as_str().unwrap_or_default();
            message.contains("`[allow] sessions`")
        };
        timeout(DEADLINE, node.logged(is_it))
            .await
            .expect("it is told");
        assert_eq!(node.log().iter().filter(|line| is_it(line)).count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_goes_on_if_the_plugin_says_so() {
    in_each_language(async |language| {
        let node = node(language).await;
        let connect = |user: &str| json!({ "data": { "user": user, "seconds": 1 } });
        let mut ada = Session::connect(&node, WAY, connect("ada")).await;
        assert_eq!(
            ada.connected["expires"],
            Value::Null,
            "nothing is asked of it"
        );
        let mut brief = Session::connect(&node, WAY, connect("brief")).await;
        let end = brief.stream.message().await;
        assert_eq!(end["push"]["disconnect"]["code"], 3005, "{end}");
        let mut bob = user(&node, "bob").await;
        subscribe(&node, &mut bob, "chat:brief").await;
        let over = bob.stream.message().await;
        assert_eq!(over["push"]["unsubscribe"]["code"], 2501, "{over}");
        // Hers has expired before.
        let there = subscribe(&node, &mut ada, "chat:brief").await;
        assert_eq!(there["subscribe"]["expires"], Value::Null, "{there}");
    })
    .await;
}
