use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::GanomedeConfig;
use crate::access::AccessSettings;
use crate::bus::Bus;
use crate::channel::test_engine::{Call, Fate};
use crate::channel::test_support::{channels_on, failing_engines};
use crate::gateway::SharedSecret;
use crate::gateway::test_support::others::Others;
use crate::gateway::test_support::{
    Answer, access, bus, bus_of, ganomede_beside, ganomede_on, gateway, gateway_with_ganomede, get,
    publish, router as router_without, send,
};
use crate::gateway::{Gateway, GatewayLimits};

/// With what is not a text in a URL as it stands.
const SECRET: &str = "hunter 22&ä";

const SECRET_IN_QUERY: &str = "secret=hunter+22%26%C3%A4";

fn config() -> GanomedeConfig {
    GanomedeConfig {
        secret: SharedSecret::new(SECRET),
        create: true,
        poll_timeout: Duration::from_secs(5),
        started: 1_700_000_000_000,
    }
}

fn gateway_on(bus: &Bus, config: GanomedeConfig) -> Gateway {
    gateway_with_ganomede(bus, access(AccessSettings::default()), config)
}

fn router() -> Router {
    gateway_on(&bus(), config()).router()
}

async fn post(router: &Router, path: &str, body: String) -> Answer {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("content-md5", "anything")
        .body(Body::from(body))
        .unwrap();
    send(router, request).await
}

/// A body with the secret and these members.
fn with_secret(members: Value) -> String {
    let mut body = members;
    body["secret"] = SECRET.into();
    body.to_string()
}

/// An event for a channel, with other members besides, or in place of these.
fn event(channel: &str, members: Value) -> Value {
    let mut event = json!({
        "clientId": "shop", "channel": channel, "from": "shop/v1", "type": "PAID",
    });
    let members = members.as_object().expect("members").clone();
    event.as_object_mut().expect("an object").extend(members);
    event
}

async fn send_event(router: &Router, channel: &str, members: Value) -> Value {
    let body = with_secret(event(channel, members));
    let answer = post(router, "/events/v1/events", body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()
}

/// Sends events with the data `{"n": 1}`, `{"n": 2}`, ….
async fn send_events(router: &Router, channel: &str, count: u64) {
    for n in 1..=count {
        send_event(router, channel, json!({"data": {"n": n}})).await;
    }
}

/// Polls a channel as the client `shop`.
async fn poll(router: &Router, channel: &str, rest: &str) -> Answer {
    poll_as(router, "shop", channel, rest).await
}

async fn poll_as(router: &Router, client: &str, channel: &str, rest: &str) -> Answer {
    let path = "/events/v1/events";
    let uri = format!("{path}?clientId={client}&channel={channel}&{SECRET_IN_QUERY}{rest}");
    get(router, &uri).await
}

fn ids(answer: &Answer) -> Vec<u64> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let events = answer.json();
    let events = events.as_array().expect("an array").iter();
    events.map(|event| event["id"].as_u64().unwrap()).collect()
}

fn refused(answer: &Answer, status: u16, code: &str, message: &str) {
    let told = (answer.status.as_u16(), answer.json());
    let expected = json!({"code": code, "message": message});
    assert_eq!(told, (status, expected));
}

/// Waits until the gateway shows one open waiter.
async fn somebody_waits(router: &Router) {
    let line = "hearken_http_open{kind=\"waiter\"} 1\n";
    while !get(router, "/metrics").await.body.contains(line) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn without_a_secret_there_is_no_such_api() {
    let answer = get(&router_without(), "/events/v1/about").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.problem()["type"], "urn:hearken:problem:no-route");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_answered_without_the_secret_and_it_is_asked_for_first() {
    let router = router();
    let wrong = |answer: &Answer| refused(answer, 401, "InvalidCredentialsError", "");
    for query in [
        "",
        "?secret=",
        "?secret=hunter22",
        "?secret=HUNTER+22%26%C3%A4",
        &format!("?{SECRET_IN_QUERY}&{SECRET_IN_QUERY}"),
    ] {
        // Not so many at a time that they would have to wait.
        tokio::time::advance(Duration::from_secs(10)).await;
        for path in ["events", "latest", "indices/a/b"] {
            wrong(&get(&router, &format!("/events/v1/{path}{query}")).await);
        }
        wrong(&get(&router, &format!("/latest{query}")).await);
        for body in [
            "",
            "{",
            "{}",
            "[1]",
            r#"{"secret": 5}"#,
            r#"{"secret": ""}"#,
        ] {
            tokio::time::advance(Duration::from_secs(5)).await;
            for path in ["events", "indices"] {
                let path = format!("/events/v1/{path}{query}");
                wrong(&post(&router, &path, body.to_owned()).await);
            }
        }
    }
    let header = Request::get("/events/v1/latest?channel=a")
        .header("authorization", "Bearer hunter22")
        .body(Body::empty());
    wrong(&send(&router, header.unwrap()).await);
    // Of another media type, it is no body of the API.
    let form = Request::post("/events/v1/events")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(SECRET_IN_QUERY));
    wrong(&send(&router, form.unwrap()).await);
    let denied = "hearken_http_denied_requests_total{reason=\"unauthenticated\"} ";
    let metrics = get(&router, "/metrics").await.body;
    let (_, count) = metrics.split_once(denied).expect("they are counted");
    assert!(!count.starts_with("0\n"), "each was refused: {count}");
}

#[tokio::test(start_paused = true)]
async fn who_guesses_has_to_wait_and_who_knows_the_secret_never() {
    let router = router();
    let latest = |query: &str| format!("/latest?channel=a&{query}");
    for guess in 0..10 {
        let guessed = get(&router, &latest(&format!("secret=guess{guess}"))).await;
        refused(&guessed, 401, "InvalidCredentialsError", "");
    }
    let body = json!({"secret": "guess"}).to_string();
    for _ in 0..2 {
        let waits = post(&router, "/events/v1/events", body.clone()).await;
        assert_eq!(waits.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(waits.json()["code"], "TooManyRequests");
        assert_eq!(waits.headers["retry-after"], "10");
    }
    // Whoever shows none has guessed nothing.
    refused(
        &get(&router, &latest("")).await,
        401,
        "InvalidCredentialsError",
        "",
    );
    let right = get(&router, &latest(SECRET_IN_QUERY)).await;
    assert_eq!(right.status, StatusCode::OK, "{}", right.body);
    tokio::time::advance(Duration::from_secs(10)).await;
    let later = get(&router, &latest("secret=guess")).await;
    refused(&later, 401, "InvalidCredentialsError", "");
}

#[tokio::test]
async fn the_secret_is_enough_on_a_node_that_asks_who_somebody_is() {
    let asks = access(AccessSettings {
        anonymous: Some(Vec::new()),
        ..AccessSettings::default()
    });
    let router = gateway_with_ganomede(&bus(), asks, config()).router();
    assert_eq!(
        get(&router, "/v1/channels").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(send_event(&router, "orders", json!({})).await["id"], 1);
    assert_eq!(ids(&poll(&router, "orders", "").await), [1]);
}

#[tokio::test]
async fn an_event_is_answered_whole_with_the_next_number_of_its_channel() {
    let router = router();
    let data = json!({"items": [1, 2]});
    let sent = send_event(&router, "users/v1:add", json!({"data": data})).await;
    let timestamp = sent["timestamp"].as_u64().expect("milliseconds");
    assert!(timestamp > 1_600_000_000_000, "{timestamp}");
    let whole = json!({
        "id": 1, "timestamp": timestamp, "type": "PAID", "from": "shop/v1", "data": data,
    });
    assert_eq!(sent, whole);
    let second = send_event(&router, "users/v1:add", json!({})).await;
    assert_eq!((&second["id"], second.get("data")), (&json!(2), None));
    assert_eq!(send_event(&router, "other", json!({})).await["id"], 1);
    let read = poll(&router, "users/v1:add", "").await.json();
    assert_eq!(read, json!([whole, second]));

    // The secret may stand in the query too.
    let path = format!("/events/v1/events?{SECRET_IN_QUERY}");
    let answer = post(&router, &path, event("other", json!({})).to_string()).await;
    assert_eq!(answer.json()["id"], 2, "{}", answer.body);
}

#[tokio::test]
async fn data_stays_as_it_was_written() {
    let router = router();
    let data = r#"{"n": 1.0, "big":123456789012345678901234567890, "a":"\u00e4", "a":[ ]}"#;
    let event = event("orders", json!({"secret": SECRET})).to_string();
    let body = format!("{}, \"data\": {data} }}", event.trim_end_matches('}'));
    let answer = post(&router, "/events/v1/events", body).await;
    assert!(answer.body.contains(data), "{}", answer.body);
    let read = poll(&router, "orders", "").await;
    assert!(read.body.contains(data), "{}", read.body);
    let list = send_event(&router, "orders", json!({"data": [1, "b"]})).await;
    assert_eq!(list["data"], json!([1, "b"]));
}

#[tokio::test]
async fn what_is_wrong_with_an_event_is_told_in_the_words_of_the_api() {
    let router = router();
    let (id, channel, from) = (
        ("clientId", "Invalid Client ID"),
        ("channel", "Invalid Channel"),
        ("from", "Invalid from"),
    );
    let members = [id, channel, from, ("type", "Invalid type")];
    for wrong in [json!(""), json!(5), json!(null), json!(["a"]), json!({})] {
        // The first that is wrong is told.
        let mut body = event("orders", json!({"data": 5}));
        for (name, message) in members.iter().rev() {
            body[*name] = wrong.clone();
            let answer = post(&router, "/events/v1/events", with_secret(body.clone())).await;
            refused(&answer, 400, "InvalidContent", message);
        }
    }
    for (name, message) in members {
        let mut body = event("orders", json!({}));
        body.as_object_mut().expect("an object").remove(name);
        let answer = post(&router, "/events/v1/events", with_secret(body)).await;
        refused(&answer, 400, "InvalidContent", message);
    }
    for data in [json!(null), json!(""), json!("x"), json!(5), json!(true)] {
        let body = with_secret(event("orders", json!({"data": data})));
        let answer = post(&router, "/events/v1/events", body).await;
        refused(&answer, 400, "InvalidContent", "Invalid data");
    }
    let path = format!("/events/v1/events?{SECRET_IN_QUERY}");
    for (path, body) in [
        (&*path, "{\"clientId\": ".to_owned()),
        ("/events/v1/events", with_secret(event("a b", json!({})))),
        (
            "/events/v1/events",
            with_secret(event("orders", json!({"from": "a\u{7}"}))),
        ),
    ] {
        let answer = post(&router, path, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
        assert_eq!(answer.json()["code"], "InvalidContent");
    }
    let large = json!({"data": {"a": "x".repeat(5000)}});
    let body = with_secret(event("orders", large));
    let answer = post(&router, "/events/v1/events", body).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["code"], "PayloadTooLarge");
    let latest = format!("/latest?channel=orders&{SECRET_IN_QUERY}");
    assert_eq!(
        ids(&get(&router, &latest).await),
        [0; 0],
        "nothing was stored"
    );
}

#[tokio::test]
async fn a_channel_is_made_only_where_that_is_allowed() {
    let closed = GanomedeConfig {
        create: false,
        ..config()
    };
    let router = gateway_on(&bus(), closed).router();
    let body = with_secret(event("orders", json!({})));
    let answer = post(&router, "/events/v1/events", body).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.json()["code"], "ResourceNotFound");
    let index = json!({"id": "i", "channel": "orders", "field": "data.a"});
    let answer = post(&router, "/events/v1/indices", with_secret(index)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let make = Request::put("/v1/channels/orders").body(Body::empty());
    let made = send(&router, make.unwrap()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(send_event(&router, "orders", json!({})).await["id"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_has_what_is_behind_a_position_ascending_and_bounded() {
    let router = router();
    send_events(&router, "orders", 120).await;
    let all: Vec<u64> = (1..=120).collect();
    for (rest, expected) in [
        ("&after=0", &all[..100]),
        ("&after=0&limit=3", &all[..3]),
        ("&after=100", &all[100..]),
        ("&after=x&limit=2", &all[..2]),
        ("&after=-1&limit=2", &all[..2]),
        ("&after=0&limit=0", &all[..100]),
        ("&after=0&limit=101", &all[..100]),
        ("&after=0&limit=1e1", &all[..100]),
        ("&after=119", &all[119..]),
    ] {
        assert_eq!(
            ids(&poll(&router, "orders", rest).await),
            expected,
            "{rest}"
        );
    }
    let second = poll(&router, "orders", "&after=1&limit=1").await.json();
    assert_eq!(second[0]["data"], json!({"n": 2}));
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_read_is_told_in_the_words_of_the_api() {
    let router = router();
    let path = "/events/v1/events";
    for (query, message) in [
        ("channel=a", "Invalid Client ID"),
        ("clientId=&channel=a", "Invalid Client ID"),
        ("clientId=a&clientId=b", "Invalid Client ID"),
        ("clientId=a", "Invalid Channel"),
        ("clientId=a&channel=", "Invalid Channel"),
        ("clientId=a&channel=b&channel=c", "Invalid Channel"),
    ] {
        let answer = get(&router, &format!("{path}?{query}&{SECRET_IN_QUERY}")).await;
        refused(&answer, 400, "InvalidContent", message);
    }
    let latest = get(&router, &format!("/latest?{SECRET_IN_QUERY}")).await;
    refused(&latest, 400, "InvalidContent", "Invalid Channel");
}

#[tokio::test(start_paused = true)]
async fn a_position_is_kept_for_client_and_channel_and_reading_does_not_move_it() {
    let router = router();
    send_events(&router, "a", 5).await;
    send_events(&router, "b", 5).await;
    assert_eq!(ids(&poll(&router, "a", "").await), [1, 2, 3, 4, 5]);
    assert_eq!(ids(&poll(&router, "a", "").await), [1, 2, 3, 4, 5]);
    assert_eq!(ids(&poll(&router, "a", "&after=3").await), [4, 5]);
    assert_eq!(ids(&poll(&router, "a", "").await), [4, 5]);
    assert_eq!(ids(&poll(&router, "b", "").await), [1, 2, 3, 4, 5]);
    let others = poll_as(&router, "%C3%A4+%2F%25", "a", "&after=4").await;
    assert_eq!(ids(&others), [5]);
    assert_eq!(ids(&poll_as(&router, "%C3%A4+%2F%25", "a", "").await), [5]);
    assert_eq!(ids(&poll(&router, "a", "").await), [4, 5]);
    let long = "x".repeat(1000);
    assert_eq!(ids(&poll_as(&router, &long, "a", "&after=4").await), [5]);
    assert_eq!(ids(&poll_as(&router, &long, "a", "").await), [5]);
    // Also one that is no number, or that lies before.
    assert_eq!(ids(&poll(&router, "a", "&after=x&limit=1").await), [1]);
    assert_eq!(ids(&poll(&router, "a", "&limit=2").await), [1, 2]);

    let cursors = get(&router, "/v1/channels/a").await.json();
    let cursors = cursors["cursors"].as_array().expect("cursors").iter();
    let shop = cursors
        .filter(|cursor| cursor["client"] == "ganomede:shop")
        .count();
    assert_eq!(shop, 1);
}

#[tokio::test(start_paused = true)]
async fn a_position_that_cannot_be_kept_is_answered_all_the_same() {
    let router = router();
    send_events(&router, "a", 2).await;
    // Somebody else's, whoever that is.
    let cursor = Request::put("/v1/channels/a/cursors/ganomede:shop")
        .header("content-type", "application/json")
        .body(Body::from(r#"{"after": 1}"#));
    let made = send(&router, cursor.unwrap()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    assert_eq!(ids(&poll(&router, "a", "&after=0").await), [1, 2]);
    assert_eq!(ids(&poll(&router, "a", "").await), [2]);
}

#[tokio::test(start_paused = true)]
async fn a_position_behind_the_end_waits_until_it_is_reached() {
    let router = router();
    send_events(&router, "a", 2).await;
    let reading = poll(&router, "a", "&after=3");
    let sending = async {
        somebody_waits(&router).await;
        send_events(&router, "a", 2).await;
    };
    let (answer, ()) = tokio::join!(reading, sending);
    assert_eq!(ids(&answer), [4]);
    // And is kept as the end that there was.
    assert_eq!(ids(&poll(&router, "a", "").await), [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_read_waits_for_the_next_event_and_then_has_none() {
    let router = router();
    send_events(&router, "a", 2).await;
    for channel in ["a", "none"] {
        let began = Instant::now();
        let answer = poll(&router, channel, "&after=2").await;
        assert_eq!(answer.json(), json!([]));
        assert_eq!(began.elapsed().as_secs(), 5, "{channel}");
    }
    // One that comes with its first event, too.
    for (channel, position, first) in [("a", 2, 3), ("new", 0, 1)] {
        let rest = format!("&after={position}");
        let began = Instant::now();
        let sending = async {
            somebody_waits(&router).await;
            send_events(&router, channel, 1).await;
        };
        let (answer, ()) = tokio::join!(poll(&router, channel, &rest), sending);
        assert_eq!(ids(&answer), [first], "{channel}");
        assert!(began.elapsed().as_secs() < 5, "{channel}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_removed_ends_a_read_with_nothing() {
    let router = router();
    send_events(&router, "a", 1).await;
    let removing = async {
        somebody_waits(&router).await;
        let remove = Request::delete("/v1/channels/a").header("if-match", "*");
        let removed = send(&router, remove.body(Body::empty()).unwrap()).await;
        assert!(removed.status.is_success(), "{}", removed.body);
    };
    let (answer, ()) = tokio::join!(poll(&router, "a", "&after=1"), removing);
    assert_eq!(answer.json(), json!([]));
    assert_eq!(send_event(&router, "a", json!({})).await["id"], 1);
}

#[tokio::test(start_paused = true)]
async fn errors_of_a_poll_are_answered_after_a_second() {
    let router = router();
    for (uri, seconds) in [
        ("/events/v1/events", 1),
        ("/events/v1/events?secret=x", 1),
        (&*format!("/events/v1/events?{SECRET_IN_QUERY}"), 1),
        ("/events/v1/latest", 0),
        ("/events/v1/other", 0),
    ] {
        let began = Instant::now();
        let answer = get(&router, uri).await;
        assert!(answer.status.is_client_error(), "{uri}");
        assert_eq!(began.elapsed().as_secs(), seconds, "{uri}");
    }
    let began = Instant::now();
    let sent = post(&router, "/events/v1/events", String::new()).await;
    assert_eq!(sent.status, StatusCode::UNAUTHORIZED);
    assert_eq!(began.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_ends_answers_who_waits_with_nothing() {
    let gateway = gateway_on(&bus(), config());
    let router = gateway.router();
    send_events(&router, "a", 1).await;
    let began = Instant::now();
    let draining = async {
        somebody_waits(&router).await;
        gateway.context.drain();
    };
    let (answer, ()) = tokio::join!(poll(&router, "a", "&after=1"), draining);
    assert_eq!(answer.json(), json!([]));
    assert!(began.elapsed().as_secs() < 5);
    let next = poll(&router, "a", "&after=1").await;
    assert_eq!(next.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(next.headers.contains_key("x-request-id"));
    assert_eq!(
        began.elapsed().as_secs(),
        1,
        "who asks again waits for a while"
    );
}

#[tokio::test]
async fn the_newest_are_the_last_so_many_ascending() {
    let router = router();
    send_events(&router, "a", 120).await;
    let all: Vec<u64> = (1..=120).collect();
    for prefix in ["/events/v1", ""] {
        for (rest, expected) in [
            ("", &all[20..]),
            ("&limit=3", &all[117..]),
            ("&limit=0", &all[20..]),
            ("&limit=x", &all[20..]),
        ] {
            let uri = format!("{prefix}/latest?channel=a&{SECRET_IN_QUERY}{rest}");
            assert_eq!(ids(&get(&router, &uri).await), expected, "{uri}");
        }
    }
    let none = get(&router, &format!("/latest?channel=none&{SECRET_IN_QUERY}")).await;
    assert_eq!(none.json(), json!([]));
}

async fn define(router: &Router, id: &str, channel: &str, field: &str) -> Answer {
    let body = with_secret(json!({"id": id, "channel": channel, "field": field}));
    post(router, "/events/v1/indices", body).await
}

/// What an index finds, and the numbers of the events.
async fn find(router: &Router, id: &str, value: &str) -> (Value, Vec<u64>) {
    let uri = format!("/events/v1/indices/{id}/{value}?{SECRET_IN_QUERY}");
    let answer = get(router, &uri).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let mut found = answer.json();
    let rows = found["rows"].take();
    let rows = rows.as_array().expect("rows").iter();
    let ids = rows.map(|row| row["id"].as_u64().unwrap()).collect();
    found.as_object_mut().expect("an object").remove("rows");
    (found, ids)
}

#[tokio::test]
async fn an_index_finds_texts_newest_first() {
    let router = router();
    for data in [
        json!({"user": {"name": "ada"}, "tags": ["x", "y"], "n": "7"}),
        json!({"user": {"name": "bob"}, "n": 7}),
        json!({"user": {"name": "ada"}, "tags": ["y"]}),
        json!({"user": "ada", "n": true}),
    ] {
        send_event(&router, "users", json!({"data": data})).await;
    }
    let made = define(&router, "by-name", "users", "data.user.name").await;
    assert_eq!((made.status, made.json()), (StatusCode::OK, json!("OK")));
    let (found, rows) = find(&router, "by-name", "ada").await;
    let told = json!({"id": "by-name", "field": "data.user.name", "value": "ada"});
    assert_eq!((found, rows), (told, vec![3, 1]));
    // What comes later, at once.
    let data = json!({"user": {"name": "ada"}});
    send_event(&router, "users", json!({"data": data})).await;
    assert_eq!(find(&router, "by-name", "ada").await.1, [5, 3, 1]);
    assert_eq!(find(&router, "by-name", "carl").await.1, [0; 0]);

    // Whoever makes it again changes nothing, whatever they say.
    for (channel, field) in [("users", "data.n"), ("others", "data.user.name")] {
        let again = define(&router, "by-name", channel, field).await;
        assert_eq!((again.status, again.json()), (StatusCode::OK, json!(null)));
    }
    assert_eq!(find(&router, "by-name", "ada").await.1, [5, 3, 1]);
    let others = get(&router, "/v1/channels/others").await;
    assert_eq!(others.status, StatusCode::NOT_FOUND, "it was not made");

    // Texts alone are found, of lists too, and ids may be any text.
    define(&router, "numbers", "users", "data.n").await;
    assert_eq!(find(&router, "numbers", "7").await.1, [1]);
    assert_eq!(find(&router, "numbers", "true").await.1, [0; 0]);
    define(&router, "ä b", "users", "data.tags.0").await;
    let (found, rows) = find(&router, "%C3%A4%20b", "y").await;
    assert_eq!((&found["id"], rows), (&json!("ä b"), vec![3]));
}

#[tokio::test(start_paused = true)]
async fn events_that_there_is_no_time_to_find_are_not_left_out() {
    let bus = bus();
    let (engines, disk) = failing_engines();
    let channels = channels_on(&bus, engines, BTreeMap::new());
    let access = access(AccessSettings::default());
    let router = ganomede_on(&bus, access, config(), channels).router();
    // One more than are looked at together.
    for _ in 0..101 {
        send_event(&router, "users", json!({"data": {"user": "ada"}})).await;
    }
    define(&router, "by-user", "users", "data.user").await;
    assert_eq!(find(&router, "by-user", "ada").await.1.len(), 101);
    disk.set(Call::Cells, 0, Fate::Hangs);
    let uri = format!("/events/v1/indices/by-user/ada?{SECRET_IN_QUERY}");
    let (answer, ()) = tokio::join!(get(&router, &uri), async {
        disk.hangs().await;
        tokio::time::advance(Duration::from_secs(10)).await;
        disk.recover();
    });
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["code"], "ServiceUnavailable");
    assert_eq!(find(&router, "by-user", "ada").await.1.len(), 101);
}

#[tokio::test]
async fn an_index_finds_what_does_not_lie_in_the_data() {
    let router = router();
    for (event_type, from) in [("MOVE", "a/v1"), ("a b", "b/v1"), ("a_b", "a/v1")] {
        let members = json!({"type": event_type, "from": from});
        send_event(&router, "games", members).await;
    }
    for field in ["type", "from", "id", "timestamp", "data"] {
        let made = define(&router, field, "games", field).await;
        assert_eq!(made.json(), json!("OK"), "{field}");
    }
    for (id, value, rows) in [
        ("type", "MOVE", &[1][..]),
        ("type", "a%20b", &[2]),
        ("type", "a_b", &[3]),
        ("type", "custom.MOVE", &[]),
        ("from", "a%2Fv1", &[3, 1]),
        ("id", "1", &[]),
        ("timestamp", "1", &[]),
        ("data", "x", &[]),
    ] {
        let (found, found_rows) = find(&router, id, value).await;
        assert_eq!(found["field"], id);
        assert_eq!(found_rows, rows, "{id} {value}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_index_is_told_in_the_words_of_the_api() {
    let router = router();
    let whole = json!({"id": "i", "channel": "a", "field": "data.a"});
    for (name, message) in [
        ("id", "Invalid index ID"),
        ("channel", "Invalid Channel"),
        ("field", "Invalid field"),
    ] {
        for wrong in [json!(""), json!(5), json!(null)] {
            let mut body = whole.clone();
            body[name] = wrong;
            let answer = post(&router, "/events/v1/indices", with_secret(body)).await;
            refused(&answer, 400, "InvalidContent", message);
        }
    }
    let other = define(&router, "i", "a", "other").await;
    refused(&other, 400, "InvalidContent", "Invalid field");
    let uri = format!("/events/v1/indices/none/b?{SECRET_IN_QUERY}");
    let none = get(&router, &uri).await;
    refused(&none, 404, "ResourceNotFound", "there is no index \"none\"");
    // It makes its channel, as an event does.
    assert_eq!(define(&router, "i", "a", "data.a").await.json(), "OK");
    let made = get(&router, "/v1/channels/a").await.json();
    assert_eq!(made["settings"]["indexes"], json!({"ganomede.i": "a"}));
}

#[tokio::test]
async fn what_is_not_there_is_told_in_the_words_of_the_api() {
    let router = router();
    for path in [
        "/events/v1/x",
        "/events/v1/",
        "/events/v1",
        "/events/v1/indices/a",
    ] {
        let answer = get(&router, path).await;
        let message = format!("{path} does not exist");
        refused(&answer, 404, "ResourceNotFound", &message);
    }
    let put = Request::put("/events/v1/events").body(Body::empty());
    let answer = send(&router, put.unwrap()).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.json()["code"], "MethodNotAllowed");
    // What is the node's own is answered as before.
    let answer = get(&router, "/v1/nothing").await;
    assert_eq!(answer.problem()["type"], "urn:hearken:problem:no-route");
}

#[tokio::test]
async fn whoever_asks_whether_it_answers_needs_no_secret() {
    let router = router();
    let pong = get(&router, "/events/v1/ping/a%20b").await;
    assert_eq!((pong.status, &*pong.body), (StatusCode::OK, "\"pong/a b\""));
    let head = Request::head("/events/v1/ping/a").body(Body::empty());
    assert_eq!(send(&router, head.unwrap()).await.status, StatusCode::OK);
    for path in ["/about", "/events/v1/about"] {
        let about = get(&router, path).await.json();
        assert_eq!(about["type"], "ganomede-events");
        assert_eq!(about["startDate"], "2023-11-14T22:13:20.000Z");
        for member in ["hostname", "version", "description"] {
            assert!(about[member].is_string(), "{member}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_answer_has_an_id_and_none_a_checksum() {
    let router = router();
    let mut known = std::collections::BTreeSet::new();
    for uri in ["/about", "/latest", "/events/v1/events", "/events/v1/x"] {
        let answer = get(&router, uri).await;
        let id = answer.headers["x-request-id"].to_str().unwrap();
        assert!(known.insert(id.to_owned()), "{uri}");
        assert!(!answer.headers.contains_key("content-md5"), "{uri}");
        let media_type = answer.headers["content-type"].to_str().unwrap();
        assert!(media_type.starts_with("application/json"), "{media_type}");
    }
}

#[tokio::test]
async fn events_of_either_side_are_shown_to_the_other() {
    let router = router();
    for event_type in ["MOVE", "a b", "custom.x"] {
        let members = json!({"type": event_type, "from": "game ä", "data": [1]});
        let sent = send_event(&router, "games", members).await;
        assert_eq!(sent["type"], event_type);
    }
    let page = get(&router, "/v1/channels/games/events").await.json();
    let types = ["custom.MOVE", "custom.a_b", "custom.x"];
    for (at, event_type) in types.into_iter().enumerate() {
        let event = &page["events"][at];
        assert_eq!(event["type"], event_type);
        assert_eq!(event["from"], "game ä");
        assert_eq!(event["source"], "/nodes/a/clients/key%3Aganomede");
        assert_eq!(event["data"], json!([1]));
    }
    assert_eq!(page["events"][0].get("ganomedetype"), None);
    assert_eq!(page["events"][1]["ganomedetype"], "a b");
    assert_eq!(page["events"][2]["ganomedetype"], "custom.x");

    let own = json!({"type": "own", "channel": "games", "source": "/own", "data": 5});
    let published = publish(&router, "application/json", own.to_string()).await;
    assert_eq!(published.status, StatusCode::CREATED, "{}", published.body);
    let own = json!({
        "specversion": "1.0", "id": "1", "source": "/own", "type": "own", "channel": "games",
        "datacontenttype": "text/plain", "data": "Hi!",
    });
    let published = publish(&router, "application/cloudevents+json", own.to_string()).await;
    assert_eq!(published.status, StatusCode::CREATED, "{}", published.body);
    let shown = poll(&router, "games", "").await.json();
    let of = |event: &Value| {
        let Value::Object(mut event) = event.clone() else {
            panic!("{event}");
        };
        event.remove("timestamp");
        Value::Object(event)
    };
    let shown: Vec<Value> = shown.as_array().expect("events").iter().map(of).collect();
    assert_eq!(
        shown,
        [
            json!({"id": 1, "type": "MOVE", "from": "game ä", "data": [1]}),
            json!({"id": 2, "type": "a b", "from": "game ä", "data": [1]}),
            json!({"id": 3, "type": "custom.x", "from": "game ä", "data": [1]}),
            json!({"id": 4, "type": "own", "from": "/own", "data": 5}),
            json!({"id": 5, "type": "own", "from": "/own", "data": {"data_base64": "SGkh"}}),
        ]
    );
}

#[tokio::test]
async fn the_description_of_the_node_has_nothing_of_it() {
    let document = get(&router(), "/openapi.json").await;
    assert_eq!(document.status, StatusCode::OK);
    assert!(
        !document.body.contains("/events/v1"),
        "a contract of others"
    );
}

/// The node `a`, which has the channel `orders` and not this API, and `b`, which has it.
async fn two() -> (Router, Router, Arc<Others>) {
    let gateway_of_a = gateway(&bus(), GatewayLimits::default());
    let others = Arc::new(Others::answering(gateway_of_a.answers()));
    let open = access(AccessSettings::default());
    let bus_of_b = bus_of("b", 1 << 20);
    let gateway_of_b = ganomede_beside(&bus_of_b, open, config(), Arc::clone(&others) as _);
    let (a, b) = (gateway_of_a.router(), gateway_of_b.router());
    make(&a, "orders").await;
    others.have("orders", "a", true);
    (a, b, others)
}

async fn make(router: &Router, channel: &str) {
    let request = Request::put(format!("/v1/channels/{channel}"))
        .header("content-type", "application/json")
        .body(Body::from("{}"))
        .unwrap();
    let made = send(router, request).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
}

#[tokio::test(start_paused = true)]
async fn channels_of_other_nodes_are_sent_to_and_polled_there() {
    let (a, b, others) = two().await;
    let sent = send_event(&b, "orders", json!({"data": {"n": 1}})).await;
    let timestamp = sent["timestamp"].as_u64().expect("milliseconds");
    let whole = json!({
        "id": 1, "timestamp": timestamp, "type": "PAID", "from": "shop/v1", "data": {"n": 1},
    });
    assert_eq!(sent, whole);
    let odd = send_event(&b, "orders", json!({"type": "ä b", "from": "ö%/"})).await;
    assert_eq!((&odd["id"], odd.get("data")), (&json!(2), None));
    let (_, asked) = others.last_asked();
    assert_eq!(asked.principal, "key:ganomede");
    assert_eq!(asked.rights.append, ["orders"]);

    let read = poll(&b, "orders", "").await.json();
    assert_eq!(read, json!([whole, odd]));
    let latest = get(
        &b,
        &format!("/latest?channel=orders&limit=1&{SECRET_IN_QUERY}"),
    )
    .await;
    assert_eq!(latest.json(), json!([odd]));
    let page = get(&a, "/v1/channels/orders/events").await.json();
    let event = &page["events"][0];
    assert_eq!(
        (&event["type"], &event["from"]),
        (&json!("custom.PAID"), &json!("shop/v1"))
    );

    // The position is kept there, and never behind the end.
    assert_eq!(ids(&poll(&b, "orders", "&after=1").await), [2]);
    assert_eq!(ids(&poll(&b, "orders", "").await), [2]);
    let before = Instant::now();
    assert_eq!(ids(&poll(&b, "orders", "&after=2").await), [0; 0]);
    assert!(before.elapsed() >= Duration::from_secs(4), "it waited");
    assert_eq!(ids(&poll(&b, "orders", "&after=9").await), [0; 0]);
    let cursors = get(&a, "/v1/channels/orders").await.json();
    let cursor = &cursors["cursors"][0];
    assert_eq!(
        (&cursor["client"], &cursor["after"]),
        (&json!("ganomede:shop"), &json!(2))
    );

    // Whoever waits gets what comes.
    let waiting = tokio::spawn({
        let b = b.clone();
        async move { ids(&poll(&b, "orders", "&after=2").await) }
    });
    somebody_waits(&a).await;
    send_event(&b, "orders", json!({})).await;
    assert_eq!(waiting.await.expect("it does not panic"), [3]);
    let own = get(&b, "/v1/channels").await.json();
    assert_eq!(own["channels"], json!([]), "no second channel is made");
}

#[tokio::test(start_paused = true)]
async fn a_poll_waits_for_a_channel_that_another_node_makes() {
    let (a, b, others) = two().await;
    let waiting = tokio::spawn({
        let b = b.clone();
        async move { ids(&poll(&b, "later", "").await) }
    });
    somebody_waits(&b).await;
    make(&a, "later").await;
    others.have("later", "a", true);
    others.reach("a", true);
    send_event(&b, "later", json!({})).await;
    assert_eq!(waiting.await.expect("it does not panic"), [1]);
    let guessed = others.guessed.load(Ordering::Relaxed);
    assert_eq!(guessed, 0, "it is looked for with every change anywhere");
}

#[tokio::test(start_paused = true)]
async fn what_another_node_does_not_do_is_told() {
    let (_a, b, others) = two().await;
    let refused = |answer: &Answer, status: u16, code: &str, text: &str| {
        let told = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &told["code"]),
            (status, &json!(code))
        );
        let message = told["message"].as_str().expect("a text");
        assert!(message.contains(text), "{message}");
    };
    let sending = |members| with_secret(event("orders", members));
    let large = sending(json!({"data": {"text": "x".repeat(10_000)}}));
    let answer = post(&b, "/events/v1/events", large).await;
    refused(&answer, 413, "PayloadTooLarge", "");
    let index = json!({"id": "by-user", "channel": "orders", "field": "data.user"});
    let answer = post(&b, "/events/v1/indices", with_secret(index)).await;
    refused(&answer, 409, "Conflict", "the node `a`");

    others.reach("a", false);
    let answer = post(&b, "/events/v1/events", sending(json!({}))).await;
    refused(&answer, 503, "ServiceUnavailable", "the node `a`");
    refused(
        &poll(&b, "orders", "").await,
        503,
        "ServiceUnavailable",
        "the node `a`",
    );
    let latest = format!("/latest?channel=orders&{SECRET_IN_QUERY}");
    refused(
        &get(&b, &latest).await,
        503,
        "ServiceUnavailable",
        "the node `a`",
    );
    others.have("orders", "c", true);
    let answer = post(&b, "/events/v1/events", sending(json!({}))).await;
    refused(&answer, 409, "Conflict", "`orders@a` or `orders@c`");
    let own = get(&b, "/v1/channels").await.json();
    assert_eq!(own["channels"], json!([]), "no second channel is made");
}
