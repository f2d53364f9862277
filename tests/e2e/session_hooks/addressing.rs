//! What a plugin does with sessions of its own accord.

use super::*;

fn said(reply: &Value) -> &Value {
    &reply["rpc"]["data"]
}

/// Whether the error is the one that Rust calls so, and others with hyphens.
fn is_named(error: &str, name: &str) -> bool {
    let plain = |text: &str| text.replace('-', "").to_lowercase();
    plain(error).starts_with(&plain(name))
}

fn message(data: Value) -> Value {
    json!({ "push": { "message": { "data": data } } })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_sends_to_whom_it_may() {
    in_each_language(async |language| {
        let node = node(language).await;
        let mut ada = user(&node, "ada").await;
        let mut bob = user(&node, "bob").await;
        let send = |to: &str, n: u64| json!({ "to": to, "data": { "n": n } });
        let one = json!({ "nodes": 1, "sessions": 1, "partial": false });

        let sent = call(&node, &mut bob, "door.send", send("user ada", 1)).await;
        assert_eq!(*said(&sent), one);
        assert_eq!(ada.stream.message().await, message(json!({ "n": 1 })));
        let to_ada = format!("session {}", ada.id());
        let sent = call(&node, &mut bob, "door.send", send(&to_ada, 2)).await;
        assert_eq!(*said(&sent), one);
        assert_eq!(ada.stream.message().await, message(json!({ "n": 2 })));

        subscribe(&node, &mut ada, "chat:1").await;
        subscribe(&node, &mut bob, "chat:1").await;
        let mut but_me = send("channel chat:1", 3);
        but_me["but_me"] = json!(true);
        let sent = call(&node, &mut bob, "door.send", but_me).await;
        assert_eq!(*said(&sent), one);
        assert_eq!(ada.stream.message().await, message(json!({ "n": 3 })));

        // Beyond its grant.
        for to in ["channel plain:1", "all"] {
            let refused = call(&node, &mut bob, "door.send", send(to, 4)).await;
            let error = said(&refused)["error"].as_str().unwrap_or_default();
            assert!(is_named(error, "SessionsError::Denied"), "{to}: {refused}");
        }
        let nobody = call(&node, &mut bob, "door.send", send("user carol", 5)).await;
        assert_eq!(said(&nobody)["sessions"], 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_subscribes_looks_and_closes() {
    in_each_language(async |language| {
        let node = node(language).await;
        let mut ada = user(&node, "ada").await;
        let mut bob = user(&node, "bob").await;
        let about = json!({ "user": "ada", "channel": "chat:1" });
        let subscribed = call(&node, &mut bob, "door.subscribe", about.clone()).await;
        assert_eq!(said(&subscribed)["sessions"], 1);
        let push = ada.stream.message().await;
        assert_eq!(push["push"]["channel"], "chat:1");
        assert!(push["push"]["subscribe"].is_object(), "{push}");

        let present = call(&node, &mut bob, "door.presence", about.clone()).await;
        assert_eq!(said(&present)["users"], json!(["ada"]));
        let unknown = json!({ "channel": "judged:1" });
        let none = call(&node, &mut bob, "door.presence", unknown).await;
        let error = said(&none)["error"].as_str().unwrap_or_default();
        assert!(is_named(error, "SessionsError::NotAvailable"), "{none}");

        let unsubscribed = call(&node, &mut bob, "door.unsubscribe", about.clone()).await;
        assert_eq!(said(&unsubscribed)["sessions"], 1);
        let push = ada.stream.message().await;
        assert_eq!(push["push"]["unsubscribe"]["code"], 2000, "{push}");
        let closed = call(&node, &mut bob, "door.disconnect", about).await;
        assert_eq!(said(&closed)["sessions"], 1);
        let end = ada.stream.message().await;
        assert_eq!(end["push"]["disconnect"]["code"], 4001, "{end}");
    })
    .await;
}
