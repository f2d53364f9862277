use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use eventsource_stream::{Event as Received, EventStream, Eventsource};
use futures_util::StreamExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::bus::{Bus, MailboxLimits};
use crate::event::{Draft, EventType};
use crate::gateway::GatewayLimits;
use crate::gateway::test_support::{bus, gateway, get, publish, router};

async fn open(router: &Router, uri: &str) -> EventStream<BodyDataStream> {
    let request = Request::get(uri)
        .header("host", "a")
        .body(Body::empty())
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body().into_data_stream().eventsource()
}

async fn next(stream: &mut EventStream<BodyDataStream>) -> Received {
    stream.next().await.expect("one more").expect("well-formed")
}

fn put(bus: &Bus, event_type: &str, data: String) {
    let draft = Draft {
        data: Some(data.into_bytes().into()),
        ..Draft::new(EventType::custom(event_type).unwrap())
    };
    bus.publisher("/s", "p").publish(&draft).unwrap();
}

#[tokio::test]
async fn events_come_in_order_as_cloud_events() {
    let router = router();
    let mut stream = open(&router, "/v1/events?type=custom.n.*&local_only=true").await;
    let mut ids = Vec::new();
    for number in 0..100 {
        let body = format!(r#"{{"type":"n.x","subject":"s","data":{number}}}"#);
        let accepted = publish(&router, "application/json", body).await.json();
        ids.push(accepted["id"].as_str().unwrap().to_owned());
        publish(&router, "application/json", r#"{"type":"other"}"#).await;
    }
    for (number, id) in ids.iter().enumerate() {
        let received = next(&mut stream).await;
        assert_eq!((&received.id, received.event.as_str()), (id, "custom.n.x"));
        let event: Value = serde_json::from_str(&received.data).unwrap();
        assert_eq!(event["data"], number);
        assert_eq!(event["id"], **id);
        assert_eq!(event["localorigin"], true);
    }
}

#[tokio::test]
async fn the_head_comes_before_the_first_event() {
    let mut body = {
        let request = Request::get("/v1/events")
            .header("host", "a")
            .body(Body::empty())
            .unwrap();
        let response = router().oneshot(request).await.unwrap();
        response.into_body().into_data_stream()
    };
    let first = body.next().await.unwrap().unwrap();
    assert_eq!(first, "retry: 1000\n: listening\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_know_of_the_stream_in_time_is_told_of() {
    let bus = bus();
    bus.interest().set_known(0);
    let request = Request::get("/v1/events").header("host", "a");
    let request = request.body(Body::empty()).unwrap();
    let router = gateway(&bus, GatewayLimits::default()).router();
    let response = router.oneshot(request).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    let first = body.next().await.unwrap().unwrap();
    let told = "retry: 1000\n: listening, but some nodes do not know of it yet\n\n";
    assert_eq!(first, told);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_is_kept_alive() {
    let request = Request::get("/v1/events")
        .header("host", "a")
        .body(Body::empty())
        .unwrap();
    let response = router().oneshot(request).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    body.next().await.unwrap().unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), ":\n\n");
    assert_eq!(body.next().await.unwrap().unwrap(), ":\n\n");
}

#[tokio::test]
async fn a_slow_reader_is_told_what_it_missed_and_cut_off() {
    let bus = bus();
    let limits = GatewayLimits {
        stream_mailbox: MailboxLimits {
            events: 3,
            bytes: 1 << 20,
        },
        ..GatewayLimits::default()
    };
    let gateway = gateway(&bus, limits);
    let router = gateway.router();
    let mut slow = open(&router, "/v1/events?type=custom.*").await;
    let mut other = open(&router, "/v1/events?type=custom.last").await;
    for number in 0..5 {
        put(&bus, "n", number.to_string());
    }
    put(&bus, "last", "5".to_owned());
    let overflow = next(&mut slow).await;
    assert_eq!(overflow.event, "overflow");
    assert_eq!(overflow.data, r#"{"dropped":4}"#);
    assert!(slow.next().await.is_none());
    assert_eq!(
        next(&mut other).await.event,
        "custom.last",
        "others are not touched"
    );

    drop(slow);
    let metrics = get(&router, "/metrics").await.body;
    assert!(
        metrics.contains("hearken_http_stream_dropped_events_total 4\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn streams_are_bounded_in_number() {
    let limits = GatewayLimits {
        streams: 1,
        ..GatewayLimits::default()
    };
    let router = gateway(&bus(), limits).router();
    let first = open(&router, "/v1/events").await;
    let answer = get(&router, "/v1/events").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.problem()["type"], "urn:hearken:problem:busy");
    drop(first);
    open(&router, "/v1/events").await;
}

#[tokio::test]
async fn a_draining_node_sends_what_is_queued_and_ends_streams() {
    let bus = bus();
    let gateway = gateway(&bus, GatewayLimits::default());
    let router = gateway.router();
    let mut stream = open(&router, "/v1/events").await;
    put(&bus, "queued", "1".to_owned());
    gateway.context.drain();
    assert_eq!(next(&mut stream).await.event, "custom.queued");
    assert!(stream.next().await.is_none());
    let late = get(&router, "/v1/events").await;
    assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn bad_parameters_are_named() {
    for (uri, parameter, hint) in [
        ("/v1/events?typ=a", "typ", "did you mean `type`?"),
        ("/v1/events?type=", "type", "`*`"),
        ("/v1/events?type={a", "type", "brace"),
        ("/v1/events?local_only=yes", "local_only", "`true`"),
        (
            "/v1/events?subject=a&subject=b",
            "subject",
            "more than once",
        ),
    ] {
        let answer = get(&router(), &uri.replace('{', "%7B")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{uri}");
        let problem = answer.problem();
        assert_eq!(problem["errors"][0]["parameter"], parameter);
        assert!(
            problem["detail"].as_str().unwrap().contains(hint),
            "{problem}"
        );
    }
}
