//! `hearken channel` and `hearken send --channel` against a real node.

use serde_json::Value;

use crate::support::process::{NodeProcess, hearken, run};

async fn succeed(node: &NodeProcess, arguments: &[&str]) -> String {
    let answer = node.hearken(arguments).await;
    assert_eq!(answer.code, 0, "{arguments:?}: {answer:?}");
    answer.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_made_read_and_removed_in_a_terminal() {
    let node = NodeProcess::start([], &[]).await;
    let none = succeed(&node, &["channel", "list"]).await;
    assert!(none.contains("no channels"), "{none}");
    let create = ["channel", "create", "shop/orders", "--max-events", "3"];
    let made = succeed(&node, &create).await;
    assert!(made.contains("max events  3\n"), "{made}");
    let again = node.hearken(&create).await;
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.stderr.contains("already"), "{again:?}");
    for number in 1..=4 {
        let data = number.to_string();
        let send = ["send", "paid", "--channel", "shop/orders", "--data", &data];
        let sent = succeed(&node, &send).await;
        assert!(sent.ends_with(&format!(" {number}\n")), "{sent}");
    }
    let expecting = |last| {
        let flags = ["--channel", "shop/orders", "--expect-last", last];
        [&["send", "paid"], &flags[..]].concat()
    };
    let conflict = node.hearken(&expecting("3")).await;
    assert_eq!(conflict.code, 4, "{conflict:?}");
    assert!(conflict.stderr.contains("the number 4"), "{conflict:?}");
    succeed(&node, &expecting("4")).await;

    let read = node.hearken(&["channel", "read", "shop/orders"]).await;
    assert_eq!(read.code, 0, "{read:?}");
    assert!(read.stderr.contains("1 to 2 are not kept"), "{read:?}");
    let first: Vec<_> = read.stdout.lines().map(|line| &line[..2]).collect();
    assert_eq!(first, ["3 ", "4 ", "5 "]);
    let client = [
        "channel",
        "read",
        "shop/orders",
        "--client",
        "me",
        "--limit",
    ];
    let some = succeed(&node, &[&client[..], &["2"]].concat()).await;
    assert_eq!(some.lines().count(), 2);
    let rest = succeed(&node, &[&client[..], &["9", "--json"]].concat()).await;
    let event: Value = serde_json::from_str(&rest).expect("one event");
    assert_eq!(event["sequence"], 5);
    let cursors = succeed(&node, &["channel", "cursors", "shop/orders"]).await;
    assert!(
        cursors.contains("me      5      0    anonymous"),
        "{cursors}"
    );
    let latest = succeed(&node, &["channel", "latest", "shop/orders", "--limit", "1"]).await;
    assert!(latest.starts_with("5 "), "{latest}");

    let set = ["channel", "set", "shop/orders", "--max-age", "1h"];
    let set = succeed(&node, &set).await;
    assert!(
        set.contains("max events  3\n"),
        "what is not given stays: {set}"
    );
    assert!(set.contains("max age     1h\n"), "{set}");
    let trim = ["channel", "trim", "shop/orders", "--before", "5"];
    assert_eq!(succeed(&node, &trim).await, "shop/orders: begins with 5\n");
    let verified = succeed(&node, &["channel", "verify", "shop/orders"]).await;
    assert_eq!(verified, "shop/orders: nothing is damaged\n");
    let unsaid = node.hearken(&["channel", "delete", "shop/orders"]).await;
    assert_eq!(unsaid.code, 2, "{unsaid:?}");
    let delete = ["channel", "delete", "shop/orders", "--expect-last", "5"];
    assert_eq!(succeed(&node, &delete).await, "shop/orders: removed\n");
    let gone = node.hearken(&["channel", "show", "shop/orders"]).await;
    assert_eq!(gone.code, 1, "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_follows_what_comes() {
    let node = NodeProcess::start([], &[]).await;
    succeed(&node, &["channel", "create", "orders"]).await;
    succeed(&node, &["send", "a", "--channel", "orders"]).await;
    let follow = [
        "channel", "read", "orders", "--follow", "--limit", "3", "--json",
    ];
    let reading = tokio::spawn(run(node.command(&follow)));
    for event_type in ["b", "c"] {
        succeed(&node, &["send", event_type, "--channel", "orders"]).await;
    }
    let read = reading.await.expect("it ends");
    assert_eq!(read.code, 0, "{read:?}");
    let types: Vec<Value> = read
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["type"].clone())
        .collect();
    assert_eq!(types, ["custom.a", "custom.b", "custom.c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_node_s_channels_are_verified() {
    let node = NodeProcess::start([], &[]).await;
    succeed(&node, &["channel", "create", "orders"]).await;
    succeed(&node, &["send", "a", "--channel", "orders"]).await;
    // Not while the node has them.
    let data = node.folder().join("data");
    let data = data.to_str().expect("UTF-8").to_owned();
    let verify = ["channel", "verify", "orders", "--data", &data];
    let busy = node.hearken(&verify).await;
    assert_eq!(busy.code, 1, "{busy:?}");
    assert!(busy.stderr.contains("does the node still run?"), "{busy:?}");
    let folder = node.stopped().await;
    let verified = run(hearken(folder.path(), &verify)).await;
    assert_eq!(
        (verified.code, verified.stdout.as_str()),
        (0, "orders: nothing is damaged\n")
    );
    let other = ["channel", "verify", "others", "--data", &data];
    let missing = run(hearken(folder.path(), &other)).await;
    assert_eq!(missing.code, 1, "{missing:?}");
    assert!(
        missing.stderr.contains("no channel `others`"),
        "{missing:?}"
    );
}
