use std::collections::BTreeMap;

use axum::Router;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::{Request, StatusCode};
use eventsource_stream::{Event as Received, EventStream, Eventsource};
use futures_util::StreamExt;
use hearken_wire::EventRef;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::bus::Bus;
use crate::channel::test_engine::{Call, Fate};
use crate::channel::test_support::{channels_on, failing_engines};
use crate::gateway::GatewayLimits;
use crate::gateway::endpoints::channels::READS_AT_ONCE;
use crate::gateway::test_support::{
    Answer, bus, gateway, gateway_before_channels, gateway_on, get, post, publish, router, send,
};

/// A gateway's routes, and a channel `orders` with these settings.
async fn with_orders(settings: Value) -> Router {
    let router = router();
    let made = put(&router, "/v1/channels/orders", settings).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    router
}

async fn request(
    router: &Router,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Answer {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(router, request.body(Body::from(body)).unwrap()).await
}

async fn put(router: &Router, uri: &str, body: Value) -> Answer {
    let headers = [("content-type", "application/json")];
    request(router, "PUT", uri, &headers, body.to_string()).await
}

async fn append(router: &Router, body: Value) -> Answer {
    append_if(router, None, body).await
}

async fn append_if(router: &Router, expected: Option<&str>, body: Value) -> Answer {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(expected.map(|expected| ("if-match", expected)));
    let uri = "/v1/channels/orders/events";
    request(router, "POST", uri, &headers, body.to_string()).await
}

async fn append_many(router: &Router, count: u64) {
    for number in 1..=count {
        let answer = append(router, json!({"type": "paid", "data": {"n": number}})).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    }
}

fn sequences(answer: &Answer) -> Vec<u64> {
    let page = answer.json();
    let events = page["events"].as_array().expect("events").iter();
    events
        .map(|event| event["sequence"].as_u64().expect("a number"))
        .collect()
}

fn kind(answer: &Answer) -> String {
    let problem = answer.problem();
    let kind = problem["type"].as_str().expect("a text");
    kind.trim_start_matches("urn:hearken:problem:").to_owned()
}

#[tokio::test]
async fn a_channel_is_made_shown_changed_and_removed() {
    let router = router();
    let made = put(
        &router,
        "/v1/channels/shop%2Forders",
        json!({"max_age": "30d"}),
    )
    .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let made = made.json();
    assert_eq!(made["name"], "shop/orders");
    assert_eq!((&made["first"], &made["last"]), (&json!(1), &json!(0)));
    assert_eq!(
        (&made["state"], &made["declared"]),
        (&json!("ok"), &json!(false))
    );
    assert_eq!(made["settings"]["max_age"], "30days");
    assert_eq!(made["settings"]["dedupe"], "2m");
    assert_eq!(made["cursors"], json!([]));

    let uri = "/v1/channels/shop%2Forders";
    let changed = put(&router, uri, json!({"max_events": 5})).await;
    assert_eq!(changed.status, StatusCode::OK);
    assert_eq!(changed.json()["settings"]["max_events"], 5);
    assert_eq!(
        changed.json()["settings"]["max_age"],
        Value::Null,
        "replaced"
    );
    let shown = get(&router, uri).await;
    assert_eq!(
        shown.headers["etag"],
        format!("\"{}-0\"", made["epoch"].as_str().unwrap())
    );
    assert_eq!(shown.json(), changed.json());
    let list = get(&router, "/v1/channels").await.json();
    assert_eq!(list["channels"][0]["name"], "shop/orders");
    assert_eq!(list["next"], Value::Null);

    let unsaid = request(&router, "DELETE", uri, &[], String::new()).await;
    assert_eq!(
        (unsaid.status.as_u16(), kind(&unsaid).as_str()),
        (428, "if-match-missing")
    );
    let wrong = request(
        &router,
        "DELETE",
        uri,
        &[("if-match", "\"3\"")],
        String::new(),
    )
    .await;
    assert_eq!(
        (wrong.status.as_u16(), kind(&wrong).as_str()),
        (412, "conflict")
    );
    assert_eq!(wrong.problem()["last"], 0);
    let removed = request(
        &router,
        "DELETE",
        uri,
        &[("if-match", "\"0\"")],
        String::new(),
    )
    .await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    assert_eq!(kind(&get(&router, uri).await), "no-channel");
}

#[tokio::test]
async fn a_channel_that_is_to_be_new_changes_none() {
    let router = with_orders(json!({"max_events": 5})).await;
    let uri = "/v1/channels/orders";
    let any = [("if-none-match", "*")];
    let there = request(&router, "PUT", uri, &any, "{}".to_owned()).await;
    assert_eq!(
        (there.status.as_u16(), kind(&there).as_str()),
        (412, "exists")
    );
    assert_eq!(get(&router, uri).await.json()["settings"]["max_events"], 5);
    let new = request(&router, "PUT", "/v1/channels/a", &any, String::new()).await;
    assert_eq!(
        new.status,
        StatusCode::CREATED,
        "an empty body is no settings"
    );
    let tag = [("if-none-match", "\"1\"")];
    let wrong = request(&router, "PUT", uri, &tag, String::new()).await;
    assert_eq!(wrong.problem()["errors"][0]["header"], "if-none-match");
}

#[tokio::test]
async fn settings_that_are_wrong_are_named() {
    let router = router();
    for (body, pointer) in [
        (json!({"max_age": "x"}), json!("#/max_age")),
        (json!({"max_bytes": "1GiB"}), json!("#/max_bytes")),
        (json!({"engine": "tape"}), json!("#/engine")),
        (json!([]), Value::Null),
    ] {
        let answer = put(&router, "/v1/channels/a", body.clone()).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{body}: {}",
            answer.body
        );
        assert_eq!(answer.problem()["errors"][0]["pointer"], pointer, "{body}");
    }
    let answer = put(&router, "/v1/channels/a%20b", json!({})).await;
    assert_eq!(
        (answer.status.as_u16(), kind(&answer).as_str()),
        (400, "bad-channel")
    );
    let answer = put(&router, "/v1/channels/a", json!({"node": "nowhere"})).await;
    assert_eq!(
        (answer.status.as_u16(), kind(&answer).as_str()),
        (404, "no-node")
    );
    let unknown = put(&router, "/v1/channels/a", json!({"max_event": 1})).await;
    assert!(unknown.body.contains("max_event"), "{}", unknown.body);
    let stays = put(&router, "/v1/channels/a", json!({"engine": "memory"})).await;
    assert_eq!(stays.status, StatusCode::CREATED);
    let stays = put(&router, "/v1/channels/a", json!({"engine": "disk"})).await;
    assert_eq!(
        (stays.status.as_u16(), kind(&stays).as_str()),
        (409, "engine-stays")
    );
}

#[tokio::test]
async fn an_append_is_answered_with_the_events_place() {
    let router = with_orders(json!({})).await;
    let one = append(&router, json!({"type": "paid", "id": "1", "data": 1})).await;
    assert_eq!(one.status, StatusCode::CREATED, "{}", one.body);
    let receipt = one.json();
    assert_eq!(
        (&receipt["id"], &receipt["sequence"]),
        (&json!("1"), &json!(1))
    );
    assert_eq!(receipt["channel"], "orders");
    assert_eq!(receipt["duplicate"], Value::Null);
    let epoch = receipt["epoch"].as_str().unwrap();
    assert_eq!(one.headers["etag"], format!("\"{epoch}-1\""));

    let again = append(&router, json!({"type": "paid", "id": "1", "data": 1})).await;
    assert_eq!(again.status, StatusCode::OK);
    let again = again.json();
    assert_eq!(
        (&again["sequence"], &again["duplicate"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(again["time"], receipt["time"]);

    let named = json!({"type": "paid", "channel": "orders"});
    let named = publish(&router, "application/json", named.to_string()).await;
    assert_eq!(named.status, StatusCode::CREATED, "{}", named.body);
    assert_eq!(named.json()["sequence"], 2);

    let event = |id: &str| json!({"specversion": "1.0", "id": id, "source": "/s", "type": "t", "channel": "orders"});
    let batch = json!([event("a"), event("b")]).to_string();
    let batch = publish(&router, "application/cloudevents-batch+json", batch).await;
    assert_eq!(batch.status, StatusCode::CREATED, "{}", batch.body);
    assert_eq!(batch.json()[1]["sequence"], 4);
}

#[tokio::test]
async fn an_expected_position_is_held_to() {
    let router = with_orders(json!({})).await;
    let event = || json!({"type": "paid"});
    assert_eq!(append_if(&router, Some("\"0\""), event()).await.status, 201);
    let conflict = append_if(&router, Some("\"0\""), event()).await;
    assert_eq!(
        (conflict.status.as_u16(), kind(&conflict).as_str()),
        (412, "conflict")
    );
    assert_eq!(conflict.problem()["last"], 1);
    let tag = get(&router, "/v1/channels/orders").await.headers["etag"].clone();
    let tagged = append_if(&router, Some(tag.to_str().unwrap()), event()).await;
    assert_eq!(tagged.status, 201, "{}", tagged.body);
    let other = append_if(&router, Some("\"0000000000000000-2\""), event()).await;
    assert_eq!(
        (other.status.as_u16(), kind(&other).as_str()),
        (409, "another-log")
    );
    assert!(other.problem()["epoch"].is_string());
    let wrong = append_if(&router, Some("2"), event()).await;
    assert_eq!(wrong.problem()["errors"][0]["header"], "if-match");
}

#[tokio::test]
async fn events_of_a_request_go_to_one_channel() {
    let router = with_orders(json!({})).await;
    let event = |channel: Value| json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "channel": channel});
    for (batch, pointer) in [
        (
            json!([event(json!("orders")), event(json!("others"))]),
            "#/1/channel",
        ),
        (
            json!([event(json!("orders")), event(Value::Null)]),
            "#/1/channel",
        ),
        (json!([event(json!("nowhere"))]), "#/0/channel"),
    ] {
        let answer = publish(
            &router,
            "application/cloudevents-batch+json",
            batch.to_string(),
        )
        .await;
        assert!(answer.status.is_client_error(), "{}", answer.body);
        assert_eq!(answer.problem()["errors"][0]["pointer"], pointer);
    }
    let long = json!({"type": "t", "channel": "orders".repeat(5000)});
    let long = publish(&router, "application/json", long.to_string()).await;
    assert_eq!(kind(&long), "no-channel");
    assert!(long.body.len() < 2000, "{}", long.body.len());
    let other = append(&router, json!({"type": "t", "channel": "others"})).await;
    assert_eq!(other.problem()["errors"][0]["pointer"], "#/channel");
    assert_eq!(get(&router, "/v1/channels/orders").await.json()["last"], 0);
    let subject = append(&router, json!({"type": "t", "subject": ""})).await;
    assert_eq!(subject.problem()["errors"][0]["pointer"], "#/subject");
}

#[tokio::test]
async fn pages_are_read_one_after_the_other() {
    let router = with_orders(json!({"max_events": 5})).await;
    append_many(&router, 7).await;
    let first = get(&router, "/v1/channels/orders/events?limit=2").await;
    assert_eq!(sequences(&first), [3, 4]);
    let page = first.json();
    assert_eq!(page["gap"], json!({"first": 1, "last": 2}));
    assert_eq!((&page["next"], &page["last"]), (&json!(4), &json!(7)));
    assert_eq!(page["events"][0]["type"], "custom.paid");
    assert_eq!(page["events"][0]["data"], json!({"n": 3}));
    let epoch = page["epoch"].as_str().unwrap();
    let rest = format!("/v1/channels/orders/events?after={epoch}-4");
    assert_eq!(sequences(&get(&router, &rest).await), [5, 6, 7]);
    let none = get(&router, "/v1/channels/orders/events?type=custom.other").await;
    assert_eq!(
        (sequences(&none).len(), &none.json()["next"]),
        (0, &json!(7))
    );

    let other = get(
        &router,
        "/v1/channels/orders/events?after=0000000000000000-4",
    )
    .await;
    assert_eq!(kind(&other), "another-log");
    let beyond = get(&router, "/v1/channels/orders/events?after=8").await;
    assert_eq!(beyond.problem()["errors"][0]["parameter"], "after");
    for query in [
        "limit=0",
        "limit=1001",
        "after=-1",
        "wait=61s",
        "since=now",
        "client=a%20b",
    ] {
        let uri = format!("/v1/channels/orders/events?{query}");
        assert_eq!(
            get(&router, &uri).await.status,
            StatusCode::BAD_REQUEST,
            "{query}"
        );
    }
    assert_eq!(
        sequences(&get(&router, "/v1/channels/orders/latest?limit=2").await),
        [6, 7]
    );
    let one = get(&router, "/v1/channels/orders/events/6").await;
    assert_eq!(
        (&one.json()["sequence"], &one.json()["localorigin"]),
        (&json!(6), &json!(true))
    );
    for (number, kind_) in [
        ("2", "trimmed"),
        ("8", "no-event"),
        ("0", "no-event"),
        ("x", "no-event"),
    ] {
        let answer = get(&router, &format!("/v1/channels/orders/events/{number}")).await;
        assert_eq!(kind(&answer), kind_, "{number}");
        let detail = answer.json()["detail"].to_string();
        assert!(
            detail.contains(&format!("event {number} is no longer"))
                || detail.contains(&format!("no event {number};")),
            "{detail}"
        );
    }
    let since = get(
        &router,
        "/v1/channels/orders/events?since=2000-01-01T00:00:00Z",
    )
    .await;
    assert_eq!(sequences(&since).len(), 5);
    let later = get(
        &router,
        "/v1/channels/orders/events?since=2999-01-01T00:00:00Z",
    )
    .await;
    assert!(sequences(&later).is_empty());
}

#[tokio::test]
async fn machines_read_arrays_and_packed_events() {
    let router = with_orders(json!({})).await;
    append_many(&router, 2).await;
    let uri = "/v1/channels/orders/events";
    let accept = [("accept", "application/cloudevents-batch+json")];
    let batch = request(&router, "GET", uri, &accept, String::new()).await;
    assert_eq!(batch.json()[1]["sequence"], 2);
    assert_eq!(batch.headers["hearken-next"], "2");

    let request = Request::get(uri)
        .header("host", "localhost")
        .header("accept", "application/vnd.hearken.frames")
        .body(Body::empty())
        .unwrap();
    let packed = router.clone().oneshot(request).await.unwrap();
    assert_eq!(
        packed.headers()["content-type"],
        "application/vnd.hearken.frames"
    );
    let bytes = axum::body::to_bytes(packed.into_body(), 1 << 20)
        .await
        .unwrap();
    let (first, rest) = EventRef::take(&bytes).unwrap();
    let (second, rest) = EventRef::take(rest).unwrap();
    assert!(rest.is_empty());
    assert_eq!((first.sequence(), second.sequence()), (Some(1), Some(2)));
}

#[tokio::test]
async fn a_client_has_a_position_at_the_node() {
    let router = with_orders(json!({})).await;
    append_many(&router, 4).await;
    let read = async |query: &str| {
        let uri = format!("/v1/channels/orders/events?client=me&{query}");
        sequences(&get(&router, &uri).await)
    };
    assert_eq!(read("").await, [1, 2, 3, 4]);
    assert_eq!(read("").await, [1, 2, 3, 4], "reading moves nothing");
    assert_eq!(read("after=3").await, [4]);
    assert_eq!(read("").await, [4]);
    let uri = "/v1/channels/orders/cursors/me";
    let shown = get(&router, uri).await.json();
    let epoch = shown["epoch"].as_str().unwrap().to_owned();
    assert_eq!(
        shown,
        json!({"client": "me", "after": 3, "lag": 1, "owner": "anonymous", "epoch": epoch})
    );
    let set = put(&router, uri, json!({"after": 2})).await;
    assert_eq!((set.status.as_u16(), &set.json()["lag"]), (200, &json!(2)));
    let new = put(
        &router,
        "/v1/channels/orders/cursors/other",
        json!({"after": 4}),
    )
    .await;
    assert_eq!(new.status, StatusCode::CREATED);
    let beyond = put(&router, uri, json!({"after": 5})).await;
    assert_eq!(beyond.problem()["errors"][0]["pointer"], "#/after");
    let all = get(&router, "/v1/channels/orders").await.json();
    assert_eq!(all["cursors"].as_array().unwrap().len(), 2);
    let same = put(&router, uri, json!({"after": format!("{epoch}-3")})).await;
    assert_eq!(same.json()["after"], 3, "{}", same.body);
    let other = put(&router, uri, json!({"after": "0000000000000000-1"})).await;
    assert_eq!(
        (other.status.as_u16(), kind(&other).as_str()),
        (409, "another-log")
    );
    let wrong = put(&router, uri, json!({"after": "x"})).await;
    assert_eq!(wrong.problem()["errors"][0]["pointer"], "#/after");
    let given = put(&router, uri, json!({"after": 2, "owner": "key:billing"})).await;
    assert_eq!(given.json()["owner"], "key:billing");
    let removed = request(&router, "DELETE", uri, &[], String::new()).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    assert_eq!(kind(&get(&router, uri).await), "no-cursor");
}

#[tokio::test(start_paused = true)]
async fn a_read_waits_for_what_comes() {
    let router = with_orders(json!({})).await;
    let waiting = tokio::spawn({
        let router = router.clone();
        async move {
            get(
                &router,
                "/v1/channels/orders/events?wait=60s&type=custom.paid",
            )
            .await
        }
    });
    // One that it does not want, and one that it does.
    for event_type in ["other", "paid"] {
        append(&router, json!({ "type": event_type })).await;
    }
    assert_eq!(sequences(&waiting.await.unwrap()), [2]);
    let none = get(&router, "/v1/channels/orders/events?after=2&wait=5s").await;
    assert_eq!(none.status, StatusCode::OK);
    assert!(sequences(&none).is_empty());
}

async fn stream(router: &Router, uri: &str, last: Option<&str>) -> EventStream<BodyDataStream> {
    let mut request = Request::get(uri)
        .header("host", "a")
        .header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body().into_data_stream().eventsource()
}

async fn next(stream: &mut EventStream<BodyDataStream>) -> Received {
    stream.next().await.expect("one more").expect("well-formed")
}

#[tokio::test]
async fn a_stream_brings_what_was_and_what_comes_and_is_resumed() {
    let router = with_orders(json!({"max_events": 3})).await;
    append_many(&router, 4).await;
    let uri = "/v1/channels/orders/events";
    let mut live = stream(&router, uri, None).await;
    let mut all = stream(&router, &format!("{uri}?after=0"), None).await;
    let gap = next(&mut all).await;
    assert_eq!(
        (gap.event.as_str(), gap.data.as_str()),
        ("gap", r#"{"first":1,"last":1}"#)
    );
    let mut id = String::new();
    for number in 2..=4 {
        let message = next(&mut all).await;
        assert_eq!(message.event, "custom.paid");
        assert!(
            message.id.ends_with(&format!("-{number}")),
            "{}",
            message.id
        );
        let event: Value = serde_json::from_str(&message.data).unwrap();
        assert_eq!(event["sequence"], number);
        id = message.id;
    }
    append(&router, json!({"type": "more"})).await;
    for stream in [&mut all, &mut live] {
        assert_eq!(next(stream).await.event, "custom.more");
    }
    let mut resumed = stream(&router, uri, Some(&id)).await;
    assert_eq!(next(&mut resumed).await.event, "custom.more");

    for (last, status) in [("x", 400), ("0000000000000000-1", 409), ("99", 400)] {
        let headers = [("accept", "text/event-stream"), ("last-event-id", last)];
        let answer = request(&router, "GET", uri, &headers, String::new()).await;
        assert_eq!(answer.status, status, "{last}");
    }
    let removed = request(
        &router,
        "DELETE",
        "/v1/channels/orders",
        &[("if-match", "*")],
        String::new(),
    );
    assert_eq!(removed.await.status, StatusCode::NO_CONTENT);
    assert_eq!(next(&mut live).await.event, "removed");
    assert!(live.next().await.is_none());
}

#[tokio::test]
async fn a_stream_that_is_resumed_moves_no_cursor_back() {
    let router = with_orders(json!({})).await;
    append_many(&router, 4).await;
    let uri = "/v1/channels/orders/events?client=billing&after=1";
    let mut first = stream(&router, uri, None).await;
    let id = next(&mut first).await.id;
    let cursor = "/v1/channels/orders/cursors/billing";
    put(&router, cursor, json!({"after": 3})).await;
    let mut again = stream(&router, uri, Some(&id)).await;
    let event: Value = serde_json::from_str(&next(&mut again).await.data).unwrap();
    assert_eq!(event["sequence"], 3);
    assert_eq!(get(&router, cursor).await.json()["after"], 3);
}

/// The pieces of a stream as they come.
async fn pieces(router: &Router, uri: &str) -> BodyDataStream {
    let request = Request::get(uri)
        .header("host", "a")
        .header("accept", "text/event-stream");
    let request = request.body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut pieces = response.into_body().into_data_stream();
    assert!(piece(&mut pieces).await.starts_with(b"retry: "));
    pieces
}

async fn piece(pieces: &mut BodyDataStream) -> Bytes {
    pieces.next().await.expect("one more").expect("whole")
}

#[tokio::test(start_paused = true)]
async fn a_stream_tells_how_far_it_has_looked() {
    let router = with_orders(json!({})).await;
    append_many(&router, 3).await;
    let epoch = get(&router, "/v1/channels/orders").await.json()["epoch"].clone();
    let epoch = epoch.as_str().unwrap();
    let uri = "/v1/channels/orders/events?after=0&type=custom.other";
    let mut pieces = pieces(&router, uri).await;
    assert_eq!(piece(&mut pieces).await, format!("id: {epoch}-3\n\n"));
    assert_eq!(piece(&mut pieces).await, ":\n\n");
    append(&router, json!({"type": "other"})).await;
    let event = piece(&mut pieces).await;
    let begins = format!("id: {epoch}-4\nevent: custom.other\n");
    assert!(event.starts_with(begins.as_bytes()), "{event:?}");
    assert_eq!(piece(&mut pieces).await, ":\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_holds_up_no_stream_and_no_request_for_ever() {
    let bus: Bus = bus();
    let (engines, disk) = failing_engines();
    let channels = channels_on(&bus, engines, BTreeMap::new());
    let gateway = gateway_on(&bus, GatewayLimits::default(), channels);
    let router = gateway.router();
    put(&router, "/v1/channels/orders", json!({})).await;
    append_many(&router, 1).await;
    for call in [Call::Read, Call::Trim, Call::Cells, Call::Change] {
        disk.set(call, 0, Fate::Hangs);
    }
    let uri = "/v1/channels/orders/events?after=0";
    let mut pieces = pieces(&router, uri).await;
    assert_eq!(piece(&mut pieces).await, ":\n\n");
    let changed = json!({"max_events": 5});
    let trim = json!({"before": 1}).to_string();
    let headers = [("content-type", "application/json")];
    let trim_uri = "/v1/channels/orders/trim";
    for answer in [
        get(&router, uri).await,
        get(&router, "/v1/channels/orders/latest").await,
        get(&router, "/v1/channels/orders/events/1").await,
        get(&router, "/v1/channels/orders").await,
        put(&router, "/v1/channels/orders", changed).await,
        request(&router, "POST", trim_uri, &headers, trim).await,
    ] {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(kind(&answer), "storage-failed", "{}", answer.body);
    }
    // Nobody has taken the comments meanwhile.
    assert_eq!(piece(&mut pieces).await, ":\n\n");
    let failed = piece(&mut pieces).await;
    assert!(failed.starts_with(b"event: failed\n"), "{failed:?}");

    let mut draining = self::pieces(&router, uri).await;
    gateway.context.drain();
    assert!(draining.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn who_has_read_what_there_is_waits_for_no_disk() {
    let bus: Bus = bus();
    let (engines, _disk) = failing_engines();
    let channels = channels_on(&bus, engines, BTreeMap::new());
    let gateway = gateway_on(&bus, GatewayLimits::default(), channels);
    let router = gateway.router();
    put(&router, "/v1/channels/orders", json!({})).await;
    append_many(&router, 2).await;
    let all = u32::try_from(READS_AT_ONCE).unwrap();
    let _turns = gateway.context.reads.acquire_many(all).await.unwrap();
    let uri = "/v1/channels/orders/events";
    for of_disk in ["events?after=0", "events/1"] {
        let answer = get(&router, &format!("/v1/channels/orders/{of_disk}")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(kind(&answer), "overloaded", "{}", answer.body);
    }
    for (query, there) in [
        ("after=2", vec![]),
        ("after=2&wait=5s", vec![]),
        ("after=1", vec![2]),
    ] {
        let answer = get(&router, &format!("{uri}?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.body);
        assert_eq!(sequences(&answer), there, "{query}");
    }
    let newest = get(&router, "/v1/channels/orders/events/2").await;
    assert_eq!(newest.status, StatusCode::OK, "{}", newest.body);
    let follows = format!("{uri}?after=2&wait=60s");
    let (followed, ()) = tokio::join!(get(&router, &follows), append_many(&router, 1));
    assert_eq!(sequences(&followed), [3]);
}

#[tokio::test(start_paused = true)]
async fn an_index_that_is_behind_holds_up_no_reads() {
    let bus: Bus = bus();
    let (engines, disk) = failing_engines();
    let channels = channels_on(&bus, engines, BTreeMap::new());
    let router = gateway_on(&bus, GatewayLimits::default(), channels).router();
    put(&router, "/v1/channels/orders", json!({})).await;
    append_many(&router, 2).await;
    disk.set(Call::ChangeIndex, 0, Fate::Hangs);
    let index = "/v1/channels/orders/indexes/by-n";
    let made = put(&router, index, json!({"field": "n"})).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    // More than have had their turn when those that wait for one have given up.
    let value = format!("{index}/2");
    let asked = (0..3 * READS_AT_ONCE).map(|_| get(&router, &value));
    let asked = futures_util::future::join_all(asked);
    let (found, read) = tokio::join!(asked, get(&router, "/v1/channels/orders/events?after=0"));
    assert_eq!(sequences(&read), [1, 2], "{}", read.body);
    for found in found {
        assert_eq!(kind(&found), "index-behind", "{}", found.body);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_verifies_again_is_told_what_was_begun() {
    let bus: Bus = bus();
    let (engines, disk) = failing_engines();
    let channels = channels_on(&bus, engines, BTreeMap::new());
    let router = gateway_on(&bus, GatewayLimits::default(), channels).router();
    put(&router, "/v1/channels/orders", json!({})).await;
    disk.set(Call::Verify, 0, Fate::Hangs);
    let uri = "/v1/channels/orders/verify";
    let slow = post(&router, uri).await;
    assert_eq!(
        (slow.status.as_u16(), kind(&slow).as_str()),
        (504, "verify-slow")
    );
    disk.recover();
    let verified = post(&router, uri).await;
    assert_eq!(verified.json(), json!({"channel": "orders", "ranges": []}));
    assert_eq!(disk.count(Call::Verify), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_stream_sends_counts_until_it_is_sent() {
    let bus: Bus = bus();
    let limits = GatewayLimits {
        body_memory: 0,
        ..GatewayLimits::default()
    };
    let gateway = gateway(&bus, limits);
    let router = gateway.router();
    put(&router, "/v1/channels/orders", json!({})).await;
    append_many(&router, 1).await;
    let memory = &gateway.context.bodies;
    let free = memory.free_kib();
    let all = memory
        .take(memory.largest(), None)
        .expect("nothing is taken");
    let mut pieces = pieces(&router, "/v1/channels/orders/events?after=0").await;
    assert_eq!(piece(&mut pieces).await, ":\n\n", "it waits for memory");
    drop(all);
    let event = piece(&mut pieces).await;
    assert!(event.starts_with(b"id: "), "{event:?}");
    assert!(memory.free_kib() < free);
    drop(event);
    assert_eq!(memory.free_kib(), free);
}

#[tokio::test]
async fn events_are_found_by_an_index() {
    let router = with_orders(json!({})).await;
    append_many(&router, 3).await;
    let made = put(
        &router,
        "/v1/channels/orders/indexes/by-n",
        json!({"field": "n"}),
    )
    .await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    assert_eq!(made.json()["settings"]["indexes"], json!({"by-n": "n"}));
    append(&router, json!({"type": "again", "data": {"n": 2}})).await;
    let found = get(&router, "/v1/channels/orders/indexes/by-n/2").await;
    assert_eq!(sequences(&found), [4, 2]);
    let view = found.json();
    assert_eq!(
        (&view["epoch"], &view["damaged"]),
        (&made.json()["epoch"], &Value::Null)
    );
    assert_eq!(
        (&view["index"], &view["field"], &view["value"]),
        (&json!("by-n"), &json!("n"), &json!("2"))
    );
    let older = get(
        &router,
        "/v1/channels/orders/indexes/by-n/2?limit=1&before=4",
    )
    .await;
    assert_eq!(sequences(&older), [2]);
    assert_eq!(
        kind(&get(&router, "/v1/channels/orders/indexes/none/2").await),
        "no-index"
    );
    let wrong = put(
        &router,
        "/v1/channels/orders/indexes/x",
        json!({"field": ""}),
    )
    .await;
    assert_eq!(wrong.problem()["errors"][0]["pointer"], "#/field");
}

#[tokio::test]
async fn operators_trim_verify_and_repair() {
    let router = with_orders(json!({})).await;
    append_many(&router, 3).await;
    let headers = [("content-type", "application/json")];
    let uri = |what: &str| format!("/v1/channels/orders/{what}");
    let trim = request(
        &router,
        "POST",
        &uri("trim"),
        &headers,
        json!({"before": 3}).to_string(),
    )
    .await;
    assert_eq!(
        (trim.status.as_u16(), &trim.json()["first"]),
        (200, &json!(3))
    );
    let other = json!({"before": "0000000000000000-3"}).to_string();
    let other = request(&router, "POST", &uri("trim"), &headers, other).await;
    assert_eq!(
        (other.status.as_u16(), kind(&other).as_str()),
        (409, "another-log")
    );
    let verified = post(&router, &uri("verify")).await;
    assert_eq!(verified.json(), json!({"channel": "orders", "ranges": []}));
    let refused = post(&router, &uri("repair")).await;
    assert_eq!(
        (refused.status.as_u16(), kind(&refused).as_str()),
        (400, "bad-body")
    );
    let accepted = json!({"accept_loss": true}).to_string();
    let repaired = request(&router, "POST", &uri("repair"), &headers, accepted).await;
    assert_eq!(repaired.json()["ranges"], json!([]));
}

#[tokio::test]
async fn a_full_channel_is_507_and_what_does_not_fit_413() {
    let router = with_orders(json!({"max_events": 1, "discard": "refuse"})).await;
    append_many(&router, 1).await;
    let full = append(&router, json!({"type": "t"})).await;
    assert_eq!((full.status.as_u16(), kind(&full).as_str()), (507, "full"));
    let large = append(&router, json!({"type": "t", "data": "x".repeat(5000)})).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn channels_are_not_taken_for_missing_before_they_are_there() {
    let router = gateway_before_channels(&bus()).router();
    let event = json!({"type": "t", "channel": "orders"});
    for answer in [
        get(&router, "/v1/channels").await,
        get(&router, "/v1/channels/orders").await,
        get(&router, "/v1/channels/orders/events").await,
        append(&router, event).await,
        put(&router, "/v1/channels/orders", json!({})).await,
    ] {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(kind(&answer), "starting");
    }
}

#[tokio::test]
async fn channels_are_counted() {
    let router = with_orders(json!({})).await;
    append_many(&router, 2).await;
    let metrics = get(&router, "/metrics").await;
    for line in [
        r#"hearken_channel_last_sequence{channel="orders"} 2"#,
        r#"hearken_channel_appended_events_total{channel="orders"} 2"#,
        r#"hearken_channels_events_total{engine="disk"} 2"#,
        r#"hearken_channels_events_total{engine="memory"} 0"#,
    ] {
        let has = metrics.body.lines().any(|found| found == line);
        assert!(has, "{line} in\n{}", metrics.body);
    }
}

#[tokio::test]
async fn streams_end_when_the_node_drains() {
    let bus: Bus = bus();
    let gateway = gateway(&bus, GatewayLimits::default());
    let router = gateway.router();
    put(&router, "/v1/channels/orders", json!({})).await;
    let mut stream = stream(&router, "/v1/channels/orders/events", None).await;
    gateway.context.drain();
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn nobody_appends_to_a_channel_of_dead_letters() {
    let router = router();
    let made = put(&router, "/v1/channels/dead.shop", json!({})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let headers = [("content-type", "application/json")];
    for (uri, event) in [
        ("/v1/channels/dead.shop/events", json!({ "type": "paid" })),
        (
            "/v1/events",
            json!({ "type": "paid", "channel": "dead.shop" }),
        ),
    ] {
        let answer = request(&router, "POST", uri, &headers, event.to_string()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
        let problem = answer.problem();
        assert_eq!(problem["type"], "urn:hearken:problem:dead-letters");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("`dead.shop`"), "{detail}");
    }
}
