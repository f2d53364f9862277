//! `hearken sessions`, of a node that has some.

use serde_json::{Value, json};

use super::*;
use crate::support::process::{Answer, run};

/// What a command has answered, of which each line is JSON.
fn values(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.code, 0, "{answer:?}");
    let lines = answer.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_shown_told_and_closed() {
    let node = node().await;
    let none = node.hearken(&["sessions", "list"]).await;
    assert_eq!(none.stdout, "no sessions\n");

    let token = node.hearken(&["sessions", "token", "--user", "ada"]).await;
    assert_eq!(token.code, 0, "{token:?}");
    let request = json!({ "token": token.stdout.trim(), "name": "js", "version": "5" });
    let mut ada = Session::connect(&node, "POST http_stream", request).await;
    let mut nobody = Session::connect(&node, "GET sse", json!({})).await;
    let subscribe = json!({ "subscribe": { "channel": "chat:1" }, "id": 2 });
    nobody.command(&node, subscribe).await;

    let listed = values(&node.hearken(&["sessions", "list", "--json"]).await);
    assert_eq!(listed.len(), 2);
    let users: Vec<_> = listed.iter().map(|it| it["user"].as_str()).collect();
    assert!(
        users.contains(&Some("ada")) && users.contains(&Some("")),
        "{listed:?}"
    );
    for (filter, value, of) in [("--user", "ada", &ada), ("--channel", "chat:1", &nobody)] {
        let listed = values(
            &node
                .hearken(&["sessions", "list", filter, value, "--json"])
                .await,
        );
        assert_eq!(listed.len(), 1, "{filter}");
        assert_eq!(listed[0]["id"], of.id());
    }
    let table = node.hearken(&["sessions", "list"]).await.stdout;
    assert!(
        table.contains(ada.id()) && table.contains("http_stream"),
        "{table}"
    );
    let shown = node.hearken(&["sessions", "show", ada.id()]).await;
    let secret = ada.connected["session"].as_str().expect("a secret");
    for part in ["ada", "http_stream", "127.0.0.1", "js", "test"] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    assert!(!shown.stdout.contains(secret), "{}", shown.stdout);

    let send = |whom: &[&str], data: &str| {
        let arguments = [&["sessions", "send", "--json", "--data", data], whom].concat();
        run(node.command(&arguments))
    };
    let reached = |count: u64| json!({ "nodes": 1, "sessions": count, "partial": false });
    let message = |data: Value| json!({ "push": { "message": { "data": data } } });
    assert_eq!(
        values(&send(&["--user", "ada"], "{\"n\":1}").await),
        [reached(1)]
    );
    assert_eq!(
        values(&send(&["--session", nobody.id()], "[2]").await),
        [reached(1)]
    );
    assert_eq!(
        values(&send(&["--channel", "chat:1"], "3").await),
        [reached(1)]
    );
    assert_eq!(values(&send(&["--user", "bob"], "4").await), [reached(0)]);
    assert_eq!(values(&send(&["--node", "test"], "5").await), [reached(2)]);
    assert_eq!(values(&send(&["--all"], "\"six\"").await), [reached(2)]);
    for data in [json!({ "n": 1 }), json!(5), json!("six")] {
        assert_eq!(ada.stream.message().await, message(data));
    }
    for data in [json!([2]), json!(3), json!(5), json!("six")] {
        assert_eq!(nobody.stream.message().await, message(data));
    }
    let other = send(&["--node", "elsewhere"], "1").await;
    assert_eq!(other.code, 1, "{other:?}");
    assert!(other.stderr.contains("elsewhere"), "{other:?}");
    let senseless = send(&["--all", "--user", "ada"], "1").await;
    assert_eq!(senseless.code, 2, "{senseless:?}");

    let close = [
        "sessions",
        "disconnect",
        "--user",
        "ada",
        "--code",
        "4001",
        "--reason",
        "bye",
    ];
    let closed = node.hearken(&close).await;
    assert_eq!(closed.stdout, "closed 1 session\n", "{closed:?}");
    let end = json!({ "push": { "disconnect": { "code": 4001, "reason": "bye" } } });
    assert_eq!(ada.stream.message().await, end);
    assert_eq!(ada.stream.next().await, None);
    let gone = node.hearken(&["sessions", "show", ada.id()]).await;
    assert_eq!(gone.code, 1, "{gone:?}");
    assert!(gone.stderr.contains("no session"), "{gone:?}");
}
