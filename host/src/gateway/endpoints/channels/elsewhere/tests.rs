use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use futures_util::StreamExt;
use hearken_pattern::Glob;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::access::{Access, AccessSettings, Granted, KeyEntry, NewKey, Role};
use crate::bus::Bus;
use crate::event::Pattern;
use crate::gateway::GatewayLimits;
use crate::gateway::test_support::others::Others;
use crate::gateway::test_support::{Answer, access, beside, bus, bus_of, gateway, get, send};
use crate::passing::{
    Answers, BoxFuture, Cut, Elsewhere, PassFailure, PassedRequest, PassedResponse, PassedRights,
};

/// The node `a`, and `b`, whose other node it is.
struct Two {
    a: Router,
    b: Router,
    answers_of_a: Arc<dyn Answers>,
    answers_of_b: Arc<dyn Answers>,
    others: Arc<Others>,
}

fn bus_of_b() -> Bus {
    bus_of("b", 1 << 20)
}

/// With a channel `orders` on `a`.
async fn two(access_of_b: Access) -> Two {
    let gateway_of_a = gateway(&bus(), GatewayLimits::default());
    let answers_of_a = gateway_of_a.answers();
    let others = Arc::new(Others::answering(Arc::clone(&answers_of_a)));
    others.have("orders", "a", true);
    let seen: Arc<dyn Elsewhere> = Arc::clone(&others) as _;
    let gateway_of_b = beside(&bus_of_b(), access_of_b, seen);
    let two = Two {
        a: gateway_of_a.router(),
        b: gateway_of_b.router(),
        answers_of_a,
        answers_of_b: gateway_of_b.answers(),
        others,
    };
    let made = put(&two.a, "/v1/channels/orders", json!({})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    two
}

fn open() -> Access {
    access(AccessSettings::default())
}

async fn ask(
    router: &Router,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = match body {
        Value::Null => Body::empty(),
        body => Body::from(body.to_string()),
    };
    send(router, request.body(body).unwrap()).await
}

const JSON: (&str, &str) = ("content-type", "application/json");

async fn put(router: &Router, uri: &str, body: Value) -> Answer {
    ask(router, "PUT", uri, &[JSON], &body).await
}

async fn post(router: &Router, uri: &str, body: Value) -> Answer {
    ask(router, "POST", uri, &[JSON], &body).await
}

fn kind(answer: &Answer) -> (u16, String) {
    let problem = answer.problem();
    let kind = problem["type"].as_str().expect("a text");
    let kind = kind.trim_start_matches("urn:hearken:problem:").to_owned();
    (answer.status.as_u16(), kind)
}

fn problem(status: u16, kind: &str) -> (u16, String) {
    (status, kind.to_owned())
}

#[tokio::test]
async fn every_way_to_append_reaches_the_channel_s_node() {
    let Two { a, b, .. } = two(open()).await;
    let event = json!({"type": "paid", "data": 1});
    for (number, uri) in [
        (1, "/v1/channels/orders/events"),
        (2, "/v1/channels/orders%40a/events"),
    ] {
        let stored = post(&b, uri, event.clone()).await;
        assert_eq!(stored.status, StatusCode::CREATED, "{}", stored.body);
        assert_eq!(stored.json()["sequence"], number);
        assert_eq!(stored.json()["channel"], "orders");
    }
    for (number, channel) in [(3, "orders"), (4, "orders@a")] {
        let named = json!({"type": "paid", "data": 1, "channel": channel});
        let stored = post(&b, "/v1/events", named).await;
        assert_eq!(stored.status, StatusCode::CREATED, "{}", stored.body);
        assert_eq!(stored.json()["sequence"], number);
    }
    // As the node that has the channel is asked with its own name.
    for uri in ["/v1/channels/orders@a/events", "/v1/events"] {
        let named = json!({"type": "paid", "data": 1, "channel": "orders@a"});
        let stored = post(&a, uri, named).await;
        assert_eq!(stored.status, StatusCode::CREATED, "{}", stored.body);
    }
    let headers = [
        ("content-type", "text/plain"),
        ("ce-specversion", "1.0"),
        ("ce-type", "paid"),
        ("ce-id", "7"),
        ("ce-source", "/shop"),
        ("ce-channel", "orders@a"),
    ];
    for status in [StatusCode::CREATED, StatusCode::OK] {
        let stored = ask(&b, "POST", "/v1/events", &headers, &json!("x")).await;
        assert_eq!(stored.status, status, "{}", stored.body);
    }
    let page = get(&a, "/v1/channels/orders/events").await.json();
    let events = page["events"].as_array().expect("events");
    assert_eq!(events.len(), 7);
    assert_eq!(events[0]["source"], "/nodes/a/clients/anonymous");
    assert_eq!(events[6]["data"], "\"x\"");
    let expected = ask(
        &b,
        "POST",
        "/v1/channels/orders/events",
        &[JSON, ("if-match", "\"3\"")],
        &event,
    );
    let expected = expected.await;
    assert_eq!(kind(&expected), problem(412, "conflict"));
    assert_eq!(expected.json()["last"], 7);
    let other = json!({"type": "paid", "channel": "others"});
    let other = post(&b, "/v1/channels/orders/events", other).await;
    assert_eq!(kind(&other), problem(400, "bad-event"));
}

#[tokio::test]
async fn what_is_asked_there_is_answered_as_here() {
    let Two { a, b, .. } = two(open()).await;
    for _ in 0..3 {
        let event = json!({"type": "paid", "subject": "s", "data": {"n": 1}});
        post(&a, "/v1/channels/orders/events", event).await;
    }
    for uri in [
        "/v1/channels/orders/events?after=1&limit=1",
        "/v1/channels/orders/events/2",
        "/v1/channels/orders/latest?limit=2",
        "/v1/channels/orders/events/9",
        "/v1/channels/orders/events?unknown=1",
        "/v1/channels/orders",
        "/v1/channels/orders/cursors/nobody",
    ] {
        let (here, there) = (get(&a, uri).await, get(&b, uri).await);
        assert_eq!(
            (here.status, &here.body),
            (there.status, &there.body),
            "{uri}"
        );
        let media_type = header::CONTENT_TYPE;
        assert_eq!(here.headers[&media_type], there.headers[&media_type]);
    }
    let uri = "/v1/channels/orders/cursors/me";
    let moved = put(&b, uri, json!({"after": 2})).await;
    assert_eq!(moved.status, StatusCode::CREATED, "{}", moved.body);
    assert_eq!(get(&a, uri).await.json()["after"], 2);
    let packed = [("accept", "application/vnd.hearken.frames")];
    let uri = "/v1/channels/orders/events?after=2";
    let packed = ask(&b, "GET", uri, &packed, &Value::Null).await;
    assert_eq!(packed.headers["hearken-next"], "3");

    let changed = put(&b, "/v1/channels/orders", json!({"max_events": 2})).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    assert_eq!(changed.json()["node"], "a");
    let trimmed = post(&b, "/v1/channels/orders/trim", json!({"before": 3})).await;
    assert_eq!(trimmed.json()["first"], 3);
    let unsaid = ask(&b, "DELETE", "/v1/channels/orders", &[], &Value::Null).await;
    assert_eq!(kind(&unsaid), problem(428, "if-match-missing"));
    let end = [("if-match", "\"3\"")];
    let removed = ask(&b, "DELETE", "/v1/channels/orders", &end, &Value::Null).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{}", removed.body);
    assert_eq!(
        get(&a, "/v1/channels/orders").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_stream_comes_from_there_as_it_is() {
    let Two { a, b, others, .. } = two(open()).await;
    let event = json!({"type": "paid"});
    post(&a, "/v1/channels/orders/events", event.clone()).await;
    let request = Request::get("/v1/channels/orders/events?after=0")
        .header("accept", "text/event-stream")
        .header("host", "localhost")
        .body(Body::empty())
        .unwrap();
    let response = b.clone().oneshot(request).await.unwrap();
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/event-stream"
    );
    let mut pieces = response.into_body().into_data_stream();
    let mut text = String::new();
    while text.matches("\nevent: custom.paid\n").count() < 1 {
        let piece = pieces
            .next()
            .await
            .expect("it goes on")
            .expect("it is whole");
        text.push_str(str::from_utf8(&piece).unwrap());
    }
    assert!(text.contains("\"sequence\":1"), "{text}");
    let (_, asked) = others.last_asked();
    assert!(asked.lasting);
    post(&b, "/v1/channels/orders/events", event).await;
    while text.matches("\nevent: custom.paid\n").count() < 2 {
        let piece = pieces
            .next()
            .await
            .expect("it goes on")
            .expect("it is whole");
        text.push_str(str::from_utf8(&piece).unwrap());
    }
}

#[tokio::test]
async fn away_means_so_at_once_and_what_may_have_been_done_is_told() {
    let Two { b, others, .. } = two(open()).await;
    let event = json!({"type": "paid"});
    let uri = "/v1/channels/orders/events";
    for (failure, read, append) in [
        (PassFailure::Away, "node-away", "node-away"),
        (PassFailure::Busy, "overloaded", "overloaded"),
        (PassFailure::Unknown, "node-away", "outcome-unknown"),
    ] {
        *others.fails.lock().unwrap() = Some(failure);
        let answer = get(&b, uri).await;
        assert_eq!(kind(&answer), problem(503, read));
        assert!(answer.headers.contains_key(header::RETRY_AFTER));
        let answer = post(&b, uri, event.clone()).await;
        assert_eq!(kind(&answer), problem(503, append));
        let named = json!({"type": "paid", "channel": "orders"});
        let answer = post(&b, "/v1/events", named).await;
        assert_eq!(kind(&answer), problem(503, append));
    }
    let asked = others.asked.lock().unwrap().len();
    others.have("gone", "c", false);
    for uri in ["/v1/channels/gone/events", "/v1/channels/orders%40c"] {
        let answer = get(&b, uri).await;
        assert_eq!(kind(&answer), problem(503, "node-away"), "{uri}");
        let problem = answer.problem();
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains("`c`"), "{detail}");
    }
    assert_eq!(
        others.asked.lock().unwrap().len(),
        asked,
        "nobody was asked"
    );
}

/// What a browser asks for, and the head of the answer with its pieces.
async fn stream(router: &Router, uri: &str) -> (StatusCode, axum::body::BodyDataStream) {
    let request = Request::get(uri)
        .header("accept", "text/event-stream")
        .header("host", "localhost")
        .body(Body::empty())
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    (status, response.into_body().into_data_stream())
}

async fn rest(mut pieces: axum::body::BodyDataStream) -> String {
    let mut text = String::new();
    while let Some(piece) = pieces.next().await {
        text.push_str(str::from_utf8(&piece.expect("it ends well")).unwrap());
    }
    text
}

#[tokio::test(start_paused = true)]
async fn a_browser_is_not_refused_while_the_node_is_away() {
    let Two { b, others, .. } = two(open()).await;
    let uri = "/v1/channels/orders/events";
    others.reach("a", false);
    let before = Instant::now();
    let (status, mut pieces) = stream(&b, uri).await;
    assert_eq!(status, StatusCode::OK);
    let opening = pieces.next().await.unwrap().unwrap();
    assert!(opening.starts_with(b"retry: "), "{opening:?}");
    let back = async {
        tokio::time::sleep(Duration::from_secs(17)).await;
        others.reach("a", true);
    };
    // A sign of life meanwhile, and then the end: the browser asks again.
    let (text, ()) = tokio::join!(rest(pieces), back);
    assert_eq!(text, ":\n\n");
    assert!(before.elapsed() < Duration::from_secs(20));
    let (_, mut pieces) = stream(&b, uri).await;
    pieces.next().await.unwrap().unwrap();
    assert_eq!(others.last_asked().0, "a");

    // Also where it is linked and does not answer, and not for ever.
    for failure in [PassFailure::Away, PassFailure::Unknown] {
        *others.fails.lock().unwrap() = Some(failure);
        let (status, pieces) = stream(&b, uri).await;
        assert_eq!(status, StatusCode::OK, "{failure:?}");
        rest(pieces).await;
    }
    *others.fails.lock().unwrap() = None;
    others.reach("a", false);
    let before = Instant::now();
    let (_, pieces) = stream(&b, uri).await;
    rest(pieces).await;
    assert_eq!(before.elapsed(), Duration::from_secs(30));
    // What is no stream is told so at once.
    let header = [("accept", "text/event-stream")];
    let shown = ask(&b, "GET", "/v1/channels/orders", &header, &Value::Null).await;
    assert_eq!(kind(&shown), problem(503, "node-away"));
}

/// A stream that says nothing any more.
struct Stuck;

impl Answers for Stuck {
    fn answer(&self, _: PassedRequest) -> BoxFuture<'_, PassedResponse> {
        let opening = Ok::<_, Cut>(Bytes::from_static(b"retry: 1000\n\n"));
        let messages = futures_util::stream::iter([opening]);
        let media_type = Bytes::from_static(b"text/event-stream");
        Box::pin(std::future::ready(PassedResponse {
            status: 200,
            headers: vec![("content-type".to_owned(), media_type)],
            body: Box::pin(messages.chain(futures_util::stream::pending())),
        }))
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_node_says_nothing_any_more_ends() {
    let others = Others::answering(Arc::new(Stuck));
    others.have("orders", "a", true);
    let b = beside(&bus_of_b(), open(), Arc::new(others)).router();
    let before = Instant::now();
    let (status, pieces) = stream(&b, "/v1/channels/orders/events").await;
    assert_eq!(status, StatusCode::OK);
    rest(pieces).await;
    let keep_alive = GatewayLimits::default().keep_alive;
    assert_eq!(before.elapsed(), 3 * keep_alive);
}

/// As many pages as are asked for, of which nobody takes anything.
struct Pages;

impl Answers for Pages {
    fn answer(&self, _: PassedRequest) -> BoxFuture<'_, PassedResponse> {
        let piece = Ok::<_, Cut>(Bytes::from(vec![b'x'; 64 << 10]));
        let pieces = futures_util::stream::iter(vec![piece; 4]);
        Box::pin(std::future::ready(PassedResponse {
            status: 200,
            headers: Vec::new(),
            body: Box::pin(pieces),
        }))
    }
}

#[tokio::test]
async fn whoever_reads_slowly_takes_memory_and_no_place_on_the_way() {
    let others = Others::answering(Arc::new(Pages));
    others.have("orders", "a", true);
    let b = beside(&bus_of_b(), open(), Arc::new(others)).router();
    let mut unread = Vec::new();
    // More than there are places, and none of them is read.
    for _ in 0..2 * crate::passing::MAX_READING {
        let request = Request::get("/v1/channels/orders/events")
            .header("host", "localhost")
            .body(Body::empty())
            .unwrap();
        let response = b.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        unread.push(response);
    }
    let stored = post(&b, "/v1/channels/orders/events", json!({"type": "x"})).await;
    assert_eq!(stored.status, StatusCode::OK, "{}", stored.body.len());
    // They take memory of their address until none is left for it.
    let refused = loop {
        let request = Request::get("/v1/channels/orders/events")
            .header("host", "localhost")
            .body(Body::empty())
            .unwrap();
        let response = b.clone().oneshot(request).await.unwrap();
        if response.status() != StatusCode::OK {
            break response.status();
        }
        unread.push(response);
        assert!(unread.len() < 1000);
    };
    assert_eq!(refused, StatusCode::TOO_MANY_REQUESTS);
    let one = unread.pop().expect("some").into_body();
    let whole = axum::body::to_bytes(one, 1 << 20).await.unwrap();
    assert_eq!(whole.len(), 256 << 10);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_others_may_have_is_not_taken_for_nobody_s() {
    let Two { a, b, others, .. } = two(open()).await;
    *others.is_new.lock().unwrap() = true;
    let event = json!({"type": "paid"});
    let new = [JSON, ("if-none-match", "*")];
    let missing = "/v1/channels/paid";
    let starting = problem(503, "starting");
    assert_eq!(kind(&get(&b, missing).await), starting);
    let appended = post(&b, "/v1/channels/paid/events", event.clone()).await;
    assert_eq!(kind(&appended), starting);
    assert_eq!(kind(&put(&b, missing, json!({})).await), starting);
    let made = ask(&b, "PUT", missing, &new, &json!({})).await;
    assert_eq!(kind(&made), starting);
    // Who has just been linked says at once what it has.
    let says = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        *others.is_new.lock().unwrap() = false;
        others.reach("a", true);
    };
    let before = Instant::now();
    let (answer, ()) = tokio::join!(get(&b, missing), says);
    assert_eq!(kind(&answer), problem(404, "no-channel"));
    assert!(before.elapsed() < Duration::from_secs(2));
    *others.is_new.lock().unwrap() = true;
    // What is known is passed on.
    let stored = post(&b, "/v1/channels/orders/events", event).await;
    assert_eq!(stored.status, StatusCode::CREATED, "{}", stored.body);
    // Whoever says where means it.
    let here = put(&b, "/v1/channels/paid%40b", json!({})).await;
    assert_eq!(here.status, StatusCode::CREATED, "{}", here.body);

    *others.is_new.lock().unwrap() = false;
    others.have("gone", "c", false);
    let away = problem(503, "node-away");
    let gone = "/v1/channels/gone";
    assert_eq!(kind(&put(&b, gone, json!({})).await), away);
    let made = ask(&b, "PUT", gone, &new, &json!({})).await;
    assert_eq!(kind(&made), away);
    let here = put(&b, "/v1/channels/gone%40b", json!({})).await;
    assert_eq!(here.status, StatusCode::CREATED, "{}", here.body);
    assert_eq!(get(&a, gone).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn which_of_two_is_meant_does_not_change_when_one_goes_away() {
    let Two { a, b, others, .. } = two(open()).await;
    others.have("orders", "c", false);
    let uri = "/v1/channels/orders/events";
    let event = json!({"type": "paid"});
    for away in [None, Some("a")] {
        if let Some(away) = away {
            others.reach(away, false);
        }
        assert_eq!(kind(&get(&b, uri).await), problem(409, "ambiguous"));
        let appended = post(&b, uri, event.clone()).await;
        assert_eq!(kind(&appended), problem(409, "ambiguous"));
    }
    others.reach("a", true);
    let said = post(&b, "/v1/channels/orders%40a/events", event).await;
    assert_eq!(said.status, StatusCode::CREATED, "{}", said.body);
    let page = get(&a, uri).await.json();
    assert_eq!(page["last"], 1);
}

#[tokio::test]
async fn a_log_that_has_moved_is_one_channel() {
    let Two { b, others, .. } = two(open()).await;
    let shown = |name: &str| format!("/v1/channels/{name}/events");
    for (node, reachable) in [("was-a", false), ("a", true)] {
        others.have_log("moved", node, "1f", reachable);
    }
    // It is asked, and has none in truth.
    let answer = get(&b, &shown("moved")).await;
    assert_eq!(kind(&answer), problem(404, "no-channel"));
    assert_eq!(others.last_asked().0, "a");
    // Both are there: it is a copy.
    others.have_log("copied", "a", "2f", true);
    others.have_log("copied", "c", "2f", true);
    let answer = get(&b, &shown("copied")).await;
    assert_eq!(kind(&answer), problem(409, "ambiguous"));
}

#[tokio::test]
async fn a_name_is_the_cluster_s() {
    let Two { b, others, .. } = two(open()).await;
    let new = [JSON, ("if-none-match", "*")];
    let taken = ask(&b, "PUT", "/v1/channels/orders", &new, &json!({})).await;
    assert_eq!(kind(&taken), problem(409, "channel-exists-elsewhere"));
    let here = ask(&b, "PUT", "/v1/channels/orders%40b", &[JSON], &json!({})).await;
    assert_eq!(kind(&here), problem(409, "channel-exists-elsewhere"));
    let missing = get(&b, "/v1/channels/ordres").await;
    assert_eq!(kind(&missing), problem(404, "no-channel"));
    let detail = missing.json()["detail"].to_string();
    assert!(detail.contains("did you mean `orders`?"), "{detail}");
    let nobody = get(&b, "/v1/channels/orders%40x").await;
    assert_eq!(kind(&nobody), problem(404, "no-node"));

    // The node is chosen by the settings.
    let there = put(&b, "/v1/channels/paid", json!({"node": "a"})).await;
    assert_eq!(there.status, StatusCode::CREATED, "{}", there.body);
    assert_eq!(there.json()["node"], "a");
    let nowhere = put(&b, "/v1/channels/lost", json!({"node": "x"})).await;
    assert_eq!(kind(&nowhere), problem(404, "no-node"));

    // Two nodes that could not see each other have each made one.
    others.have("twice", "a", true);
    others.have("twice", "c", true);
    let answer = get(&b, "/v1/channels/twice/events").await;
    assert_eq!(kind(&answer), problem(409, "ambiguous"));
    let detail = answer.json()["detail"].to_string();
    assert!(detail.contains("`twice@a` or `twice@c`"), "{detail}");
    let named = json!({"type": "paid", "channel": "twice"});
    let answer = post(&b, "/v1/events", named).await;
    assert_eq!(kind(&answer), problem(409, "ambiguous"));
}

#[tokio::test]
async fn of_two_channels_of_one_name_the_own_one_is_meant() {
    let Two { a, b, others, .. } = two(open()).await;
    put(&b, "/v1/channels/mine", json!({})).await;
    others.have("mine", "a", true);
    let shown = get(&b, "/v1/channels/mine").await.json();
    assert_eq!(
        (&shown["node"], &shown["also_on"]),
        (&json!("b"), &json!(["a"]))
    );
    let own = post(&b, "/v1/channels/mine/events", json!({"type": "x"})).await;
    assert_eq!(own.json()["sequence"], 1);
    put(&a, "/v1/channels/mine", json!({})).await;
    let other = get(&b, "/v1/channels/mine%40a").await.json();
    assert_eq!((&other["node"], &other["last"]), (&json!("a"), &json!(0)));
    let own = get(&b, "/v1/channels/mine%40b").await.json();
    assert_eq!((&own["node"], &own["last"]), (&json!("b"), &json!(1)));

    others.have("old", "c", false);
    let all = get(&b, "/v1/channels?cluster=true").await.json();
    let all = all["channels"].as_array().expect("channels").iter();
    let rows = all.map(|row| {
        (
            row["name"].clone(),
            row["node"].clone(),
            row["state"].clone(),
        )
    });
    let rows: Vec<_> = rows.collect();
    let row = |name: &str, node: &str, state: &str| (json!(name), json!(node), json!(state));
    assert_eq!(
        rows,
        [
            row("mine", "b", "ok"),
            row("mine", "a", "elsewhere"),
            row("old", "c", "away"),
            row("orders", "a", "elsewhere"),
        ]
    );
    let page = get(&b, "/v1/channels?cluster=true&limit=1").await.json();
    assert_eq!(
        page["channels"].as_array().map(Vec::len),
        Some(2),
        "of one name"
    );
    assert_eq!(page["next"], "mine");
    let rest = get(&b, "/v1/channels?cluster=true&after=mine").await.json();
    assert_eq!(rest["channels"].as_array().map(Vec::len), Some(2));
    let own = get(&b, "/v1/channels").await.json();
    assert_eq!(own["channels"].as_array().map(Vec::len), Some(1));
    let wrong = get(&b, "/v1/channels?cluster=yes").await;
    assert_eq!(kind(&wrong), problem(400, "bad-parameter"));
}

fn granted<T>(value: T) -> Granted<T> {
    Granted {
        value,
        place: "hearken.toml:1:1".to_owned(),
    }
}

/// Whoever has the key may append events of the shop to `orders` and `old*`, and read
/// `orders`.
fn shop() -> (Access, String) {
    let glob = |text: &str| granted(Glob::new(text.to_owned()));
    let role = Role {
        publish: vec![granted(Pattern::new("custom.shop.*").unwrap())],
        append: vec![glob("orders"), glob("old*")],
        read: vec![glob("orders")],
        ..Role::default()
    };
    let key = NewKey::generate().unwrap();
    let entry = KeyEntry {
        place: "hearken.toml:1:1".to_owned(),
        keys: vec![key.hash()],
        roles: vec![granted("shop".to_owned())],
        expires: None,
    };
    let mut settings = AccessSettings::default();
    settings.roles.insert("shop".to_owned(), role);
    settings.keys.insert("shop".to_owned(), entry);
    (access(settings), format!("Bearer {}", key.reveal()))
}

#[tokio::test]
async fn nobody_may_more_on_another_node() {
    let (access_of_b, key) = shop();
    let Two {
        a,
        b,
        answers_of_a,
        others,
        ..
    } = two(access_of_b).await;
    let headers = [JSON, ("authorization", key.as_str())];
    let events = "/v1/channels/orders/events";
    for (uri, channel) in [(events, None), ("/v1/events", Some("orders@a"))] {
        let mut event = json!({"type": "other"});
        if let Some(channel) = channel {
            event["channel"] = json!(channel);
        }
        let refused = ask(&b, "POST", uri, &headers, &event).await;
        assert_eq!(kind(&refused), problem(403, "forbidden"));
        assert_eq!(refused.json()["right"], "publish custom.other");
    }
    others.have("secrets", "a", true);
    for (method, uri, right) in [
        ("GET", "/v1/channels/secrets/events", "read secrets"),
        ("POST", "/v1/channels/secrets/events", "append secrets"),
        ("GET", "/v1/channels/orders", "observe"),
        ("POST", "/v1/channels/orders/trim", "operate"),
    ] {
        let body = json!({"type": "shop.paid"});
        let body = if method == "GET" { Value::Null } else { body };
        let refused = ask(&b, method, uri, &headers, &body).await;
        assert_eq!(kind(&refused), problem(403, "forbidden"), "{method} {uri}");
        assert_eq!(refused.json()["right"], right);
    }
    let asked = others.asked.lock().unwrap().len();
    assert_eq!(asked, 0, "nothing was passed on");

    let paid = json!({"type": "shop.paid"});
    let stored = ask(&b, "POST", events, &headers, &paid).await;
    assert_eq!(stored.status, StatusCode::CREATED, "{}", stored.body);
    let (node, request) = others.last_asked();
    assert_eq!(
        (node.as_str(), request.principal.as_str()),
        ("a", "key:shop")
    );
    let named = request.headers.iter().map(|(name, _)| name.as_str());
    assert_eq!(named.collect::<Vec<_>>(), ["content-type"], "no credential");
    // What the request needs, and no more.
    assert_eq!(request.rights.append, ["orders"]);
    assert_eq!(request.rights.publish, ["custom.shop.*"]);
    assert!(request.rights.read.is_empty());
    assert!(!request.rights.observe && !request.rights.operate);

    // The other node looks itself, by what it was told.
    let read = |name: &str| PassedRequest {
        method: "GET".to_owned(),
        target: format!("/v1/channels/{name}/events"),
        body: Bytes::new(),
        ..request.clone()
    };
    let status = async |request| answers_of_a.answer(request).await.status;
    assert_eq!(status(read("orders")).await, 403);
    let other_type = PassedRequest {
        body: Bytes::from_static(b"{\"type\": \"other\"}"),
        ..request.clone()
    };
    assert_eq!(status(other_type).await, 403);
    put(&a, "/v1/channels/more", json!({})).await;
    let other_channel = PassedRequest {
        target: "/v1/channels/more/events".to_owned(),
        ..request.clone()
    };
    assert_eq!(status(other_channel).await, 403);
    let mut pattern = request.clone();
    pattern.rights.append = vec!["*".to_owned()];
    assert_eq!(status(pattern).await, 404, "a pattern is no name");
    assert_eq!(status(request.clone()).await, 201);
}

#[tokio::test]
async fn what_was_passed_on_is_not_passed_on_again() {
    let Two {
        answers_of_b,
        others,
        ..
    } = two(open()).await;
    for name in ["orders", "orders@a"] {
        let request = PassedRequest {
            method: "GET".to_owned(),
            target: format!("/v1/channels/{name}/events"),
            headers: Vec::new(),
            address: [127, 0, 0, 1].into(),
            principal: "key:shop".to_owned(),
            rights: PassedRights {
                read: vec![name.to_owned()],
                ..PassedRights::default()
            },
            body: Bytes::new(),
            lasting: false,
        };
        let answer = answers_of_b.answer(request).await;
        assert_eq!(answer.status, 404, "{name}");
    }
    assert!(others.asked.lock().unwrap().is_empty());
}
