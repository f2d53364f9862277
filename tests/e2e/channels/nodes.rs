//! Channels of a cluster: whichever node is asked.

use hearken::admin::NodeState;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{all, append, make, sequences, stored};
use crate::support::api::{Api, answer};
use crate::support::certificates::Certificates;
use crate::support::cluster::{linked, node, three};
use crate::support::events::Events;
use crate::support::process::NodeProcess;
use crate::support::{DEADLINE, POLL};

/// Waits until the node knows these nodes of a channel, with their states.
async fn until_known(api: &Api, name: &str, wanted: &[(&str, &str)]) {
    let mut last = Value::Null;
    let waiting = async {
        loop {
            last = json_of(api.get("/v1/channels?cluster=true").await).await;
            let rows = last["channels"].as_array().expect("channels").iter();
            let rows = rows.filter(|row| row["name"] == name);
            let seen: Vec<_> = rows
                .map(|row| (row["node"].as_str(), row["state"].as_str()))
                .collect();
            let wanted = wanted
                .iter()
                .map(|(node, state)| (Some(*node), Some(*state)));
            if seen == wanted.collect::<Vec<_>>() {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    };
    let waited = tokio::time::timeout(DEADLINE, waiting).await;
    waited.unwrap_or_else(|_| panic!("instead of {wanted:?} it knows {last:#}"));
}

async fn json_of(response: Response) -> Value {
    response.json().await.expect("JSON")
}

/// The status and the kind of a problem.
async fn problem(response: Response) -> (StatusCode, String) {
    let status = response.status();
    let problem = json_of(response).await;
    let kind = problem["type"].as_str().expect("a problem");
    (
        status,
        kind.trim_start_matches("urn:hearken:problem:").to_owned(),
    )
}

/// The stream of a channel behind a position.
async fn stream(api: &Api, channel: &str, behind: Option<&str>) -> Events {
    let path = format!("/v1/channels/{channel}/events?after=0");
    let request = api
        .request(Method::GET, &path)
        .header("accept", "text/event-stream");
    let request = match behind {
        Some(id) => request.header("last-event-id", id),
        None => request,
    };
    let response = answer(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    Events::new(response)
}

/// Waits until so many streams of channels are open on a node.
async fn until_open(api: &Api, count: u64) {
    let line = format!("hearken_http_open{{kind=\"stream\"}} {count}\n");
    let waiting = async {
        loop {
            let metrics = api.get("/metrics").await.text().await.expect("text");
            if metrics.contains(&line) {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    };
    let waited = tokio::time::timeout(DEADLINE, waiting).await;
    waited.unwrap_or_else(|_| panic!("there are not {count} streams"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_takes_every_request_on_a_channel() {
    let [a, b, c] = three(&[]).await;
    make(&a, "orders", json!({"indexes": {"by-id": "id"}})).await;
    for other in [&b, &c] {
        until_known(other, "orders", &[("a", "elsewhere")]).await;
    }
    for (number, id) in [(1, "x"), (2, "y")] {
        let receipt = stored(answer(append(&b, "orders", id)).await).await;
        assert_eq!(receipt["sequence"], number);
    }
    let again = stored(answer(append(&c, "orders", "y")).await).await;
    assert_eq!(again["duplicate"], true, "whoever takes it: {again}");
    for node in [&a, &b, &c] {
        assert_eq!(sequences(&all(node, "orders").await), [1, 2]);
    }
    let found = json_of(c.get("/v1/channels/orders/indexes/by-id/y").await).await;
    assert_eq!(found["events"][0]["sequence"], 2);
    let cursor = b.request(Method::PUT, "/v1/channels/orders/cursors/me");
    let cursor = answer(cursor.json(&json!({"after": 1}))).await;
    assert_eq!(cursor.status(), StatusCode::CREATED);
    let rest = json_of(c.get("/v1/channels/orders/events?client=me").await).await;
    assert_eq!(sequences(rest["events"].as_array().expect("events")), [2]);

    let streamed = stream(&c, "orders", None).await.gather();
    assert_eq!(sequences(&streamed.until_count(2).await), [1, 2]);
    let waiting = tokio::spawn({
        let b = (*b).clone();
        async move { json_of(b.get("/v1/channels/orders/events?after=2&wait=60s").await).await }
    });
    stored(answer(append(&b, "orders", "z")).await).await;
    assert_eq!(sequences(&streamed.until_count(3).await), [1, 2, 3]);
    let waited = waiting.await.expect("it does not panic");
    assert_eq!(sequences(waited["events"].as_array().expect("events")), [3]);

    let sent = c.hearken(&["send", "paid", "--channel", "orders"]).await;
    assert!(sent.stdout.ends_with(" 4\n"), "{sent:?}");
    let read = b
        .hearken(&["channel", "read", "orders@a", "--after", "3"])
        .await;
    assert!(read.stdout.starts_with("4 "), "{read:?}");
    let shown = b.hearken(&["channel", "show", "orders"]).await;
    assert_eq!(shown.code, 0, "{shown:?}");
    let delete = ["channel", "delete", "orders", "--expect-last", "4"];
    let removed = c.hearken(&delete).await;
    assert_eq!(removed.code, 0, "{removed:?}");
    for other in [&b, &c] {
        until_known(other, "orders", &[]).await;
    }
    assert_eq!(
        b.get("/v1/channels/orders").await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_ends_its_stream_on_the_other_node() {
    let a = node("a").start().await;
    let b = node("b").joins(&a.cluster_address().await).start().await;
    linked(&[&a, &b]).await;
    make(&a, "orders", json!({})).await;
    until_known(&b, "orders", &[("a", "elsewhere")]).await;
    stored(answer(append(&b, "orders", "x")).await).await;
    let mut streamed = stream(&b, "orders", None).await;
    streamed.next().await;
    until_open(&a, 1).await;
    until_open(&b, 1).await;
    drop(streamed);
    until_open(&a, 0).await;
    until_open(&b, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_away_is_told_at_once_and_goes_on_when_it_is_back() {
    let [a, b, c] = three(&[]).await;
    let made = make(&a, "orders", json!({})).await;
    let epoch = made["epoch"].as_str().expect("an epoch");
    for other in [&b, &c] {
        until_known(other, "orders", &[("a", "elsewhere")]).await;
    }
    stored(answer(append(&b, "orders", "x")).await).await;
    let mut streamed = stream(&c, "orders", None).await;
    assert_eq!(streamed.next().await["sequence"], 1);

    let folder = a.killed().await;
    assert!(streamed.message().await.is_none(), "the stream ends");
    for other in [&b, &c] {
        other.until_state("a", NodeState::Unreachable).await;
        until_known(other, "orders", &[("a", "away")]).await;
        let away = other.get("/v1/channels/orders/events").await;
        assert!(away.headers().contains_key("retry-after"));
        let expected = (StatusCode::SERVICE_UNAVAILABLE, "node-away".to_owned());
        assert_eq!(problem(away).await, expected);
        let away = answer(append(other, "orders", "y")).await;
        assert_eq!(problem(away).await, expected);
        let named = json!({"type": "paid", "channel": "orders"});
        assert_eq!(problem(other.post(&named).await).await, expected);
    }

    let address = b.cluster_address().await;
    let a = NodeProcess::start_again(folder, &["--node", "a", "--join", &address]).await;
    linked(&[&a, &b, &c]).await;
    for other in [&b, &c] {
        until_known(other, "orders", &[("a", "elsewhere")]).await;
    }
    stored(answer(append(&b, "orders", "y")).await).await;
    let mut streamed = stream(&c, "orders", Some(&format!("{epoch}-1"))).await;
    assert_eq!(streamed.next().await["id"], "y");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_taken_in_the_whole_cluster() {
    let [a, b, c] = three(&[]).await;
    make(&a, "orders", json!({})).await;
    until_known(&b, "orders", &[("a", "elsewhere")]).await;
    let create = b.hearken(&["channel", "create", "orders"]).await;
    assert_ne!(create.code, 0, "{create:?}");
    assert!(
        create
            .stderr
            .contains("the node `a` has a channel `orders`"),
        "{create:?}"
    );
    // Where a channel lies is chosen at any node.
    let paid = make(&c, "paid", json!({"node": "b"})).await;
    assert_eq!(paid["node"], "b");
    let own = json_of(b.get("/v1/channels").await).await;
    assert_eq!(own["channels"][0]["name"], "paid");
    assert_eq!(own["channels"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_channels_of_one_name_stay_until_an_operator_decides() {
    let a = node("a").start().await;
    let alone = node("b").start().await;
    make(&a, "orders", json!({})).await;
    make(&alone, "orders", json!({})).await;
    stored(answer(append(&alone, "orders", "of-b")).await).await;
    let address = a.cluster_address().await;
    let joins = ["--node", "b", "--join", &address];
    let b = NodeProcess::start_again(alone.stopped().await, &joins).await;
    let c = node("c").joins(&address).start().await;
    linked(&[&a, &b, &c]).await;
    until_known(&c, "orders", &[("a", "elsewhere"), ("b", "elsewhere")]).await;
    until_known(&a, "orders", &[("a", "ok"), ("b", "elsewhere")]).await;
    until_known(&b, "orders", &[("b", "ok"), ("a", "elsewhere")]).await;
    for (node, other, last) in [(&a, "b", 0), (&b, "a", 1)] {
        let shown = json_of(node.get("/v1/channels/orders").await).await;
        assert_eq!(shown["also_on"], json!([other]), "{shown}");
        assert_eq!(shown["last"], last, "its own one is meant");
        node.says(&["two nodes have a channel of this name", "orders"])
            .await;
    }
    let shown = a.hearken(&["channel", "show", "orders"]).await;
    assert!(
        shown.stdout.contains("a (another of this name is on b)"),
        "{shown:?}"
    );
    let ambiguous = (StatusCode::CONFLICT, "ambiguous".to_owned());
    assert_eq!(
        problem(c.get("/v1/channels/orders/events").await).await,
        ambiguous
    );
    assert_eq!(
        problem(answer(append(&c, "orders", "x")).await).await,
        ambiguous
    );
    stored(answer(append(&c, "orders%40a", "of-a")).await).await;
    for (name, id) in [("orders%40a", "of-a"), ("orders%40b", "of-b")] {
        let events = all(&c, name).await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["id"], id);
    }
    let delete = ["channel", "delete", "orders@b", "--expect-last", "1"];
    let removed = c.hearken(&delete).await;
    assert_eq!(removed.code, 0, "{removed:?}");
    for other in [&b, &c] {
        until_known(other, "orders", &[("a", "elsewhere")]).await;
        assert_eq!(all(other, "orders").await[0]["id"], "of-a");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn distributed_events_of_a_channel_reach_other_nodes_numbered() {
    let [a, b, c] = three(&[]).await;
    make(&a, "orders", json!({})).await;
    until_known(&c, "orders", &[("a", "elsewhere")]).await;
    let everywhere = b.listen_with(&[("type", "custom.paid")]).await.gather();
    let of_channel = b
        .listen_with(&[("type", "custom.*"), ("channel", "orders")])
        .await
        .gather();
    for number in 1..=3 {
        let distributed = number != 2;
        let event = json!({
            "type": "paid", "data": number, "channel": "orders", "distributed": distributed,
        });
        stored(c.post(&event).await).await;
    }
    for heard in [everywhere, of_channel] {
        let events = heard.until_count(2).await;
        assert_eq!(sequences(&events), [1, 3], "what is not distributed stays");
        for event in &events {
            assert_eq!(event["channel"], "orders");
            assert_eq!(event["origin"], "a");
            assert_eq!(event["localorigin"], false);
            assert_eq!(event["source"], "/nodes/a/clients/anonymous");
        }
    }
    assert_eq!(sequences(&all(&b, "orders").await), [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_passed_on_over_tls() {
    let certificates = Certificates::of(&["a", "b"]).await;
    let a = certificates.node("a").start().await;
    let address = a.cluster_address().await;
    let b = certificates.node("b").joins(&address).start().await;
    linked(&[&a, &b]).await;
    make(&b, "orders", json!({})).await;
    until_known(&a, "orders", &[("b", "elsewhere")]).await;
    for id in ["x", "y"] {
        stored(answer(append(&a, "orders", id)).await).await;
    }
    assert_eq!(sequences(&all(&a, "orders").await), [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_configuration_declares_the_channels_of_all_nodes() {
    const DECLARED: &str = "[channels.orders]\nnode = \"a\"\n[channels.paid]\nnode = \"b\"\n";
    let folder = || {
        let folder = TempDir::new().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("plugins")).expect("a new folder");
        std::fs::write(folder.path().join("hearken.toml"), DECLARED).expect("a new file");
        folder
    };
    let a = NodeProcess::start_again(folder(), &["--node", "a"]).await;
    let address = a.cluster_address().await;
    let joins = ["--node", "b", "--join", &address];
    let b = NodeProcess::start_again(folder(), &joins).await;
    linked(&[&a, &b]).await;
    until_known(&a, "paid", &[("b", "elsewhere")]).await;
    until_known(&a, "orders", &[("a", "ok")]).await;
    until_known(&b, "orders", &[("a", "elsewhere")]).await;
    let set = b
        .request(Method::PUT, "/v1/channels/orders")
        .json(&json!({}));
    let declared = (StatusCode::CONFLICT, "declared".to_owned());
    assert_eq!(problem(answer(set).await).await, declared);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_that_is_away_has_is_known_after_a_restart() {
    let a = node("a").start().await;
    let b = node("b").joins(&a.cluster_address().await).start().await;
    linked(&[&a, &b]).await;
    make(&a, "orders", json!({})).await;
    until_known(&b, "orders", &[("a", "elsewhere")]).await;
    let kept = b.folder().join("data/channels-elsewhere.json");
    let is_kept = async {
        loop {
            let text = tokio::fs::read_to_string(&kept).await.unwrap_or_default();
            if text.contains("\"orders\"") {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    };
    let waited = tokio::time::timeout(DEADLINE, is_kept).await;
    waited.expect("it is kept");
    let folder_of_a = a.killed().await;
    let b = NodeProcess::start_again(b.stopped().await, &["--node", "b"]).await;

    let away = (StatusCode::SERVICE_UNAVAILABLE, "node-away".to_owned());
    let read = b.get("/v1/channels/orders/events").await;
    assert_eq!(problem(read).await, away);
    assert_eq!(problem(answer(append(&b, "orders", "x")).await).await, away);
    let set = b
        .request(Method::PUT, "/v1/channels/orders")
        .json(&json!({}));
    assert_eq!(problem(answer(set).await).await, away);
    let create = b.hearken(&["channel", "create", "orders"]).await;
    assert_ne!(create.code, 0, "{create:?}");
    // Who streams is not refused for good.
    let waiting = b
        .request(Method::GET, "/v1/channels/orders/events")
        .header("accept", "text/event-stream");
    let waiting = answer(waiting).await;
    assert_eq!(waiting.status(), StatusCode::OK);

    let joins = ["--node", "a", "--join", &b.cluster_address().await];
    let a = NodeProcess::start_again(folder_of_a, &joins).await;
    linked(&[&a, &b]).await;
    let text = waiting.text().await.expect("it ends");
    assert!(text.starts_with("retry: "), "{text}");
    until_known(&b, "orders", &[("a", "elsewhere")]).await;
    let receipt = stored(answer(append(&b, "orders", "x")).await).await;
    assert_eq!(receipt["sequence"], 1, "{receipt}");
}
