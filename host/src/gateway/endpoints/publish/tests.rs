use axum::body::Body;
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};

use super::submission::{BATCHED, SHORTHAND, STRUCTURED};
use super::*;
use crate::bus::{Filter, MailboxLimits, Overflow, Receiver, ReceiverKind, Subscription};
use crate::event::cloudevent::rfc3339;
use crate::event::{Event, Pattern};
use crate::gateway::test_support::{
    Answer, MAX_EVENT_BYTES, bus, gateway, post, publish, router, send,
};
use crate::gateway::{Gateway, GatewayLimits};

/// A gateway and a receiver of everything that is published through it.
fn observed() -> (Gateway, Receiver) {
    observed_with(GatewayLimits::default())
}

fn observed_with(limits: GatewayLimits) -> (Gateway, Receiver) {
    let bus = bus();
    let receiver = bus.subscribe(Subscription {
        name: "all".into(),
        kind: ReceiverKind::Stream,
        filters: vec![Filter::new(Pattern::any())],
        limits: MailboxLimits::default(),
        overflow: Overflow::DropNewest,
        partitions: 1,
    });
    (gateway(&bus, limits), receiver)
}

fn received(receiver: &Receiver) -> Vec<Event> {
    std::iter::from_fn(|| receiver.mailbox().try_recv(0).ok().flatten()).collect()
}

fn cloud_event(id: &str) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "/shop", "type": "t", "data": {"id": id}})
}

fn pointer(answer: &Answer) -> Value {
    answer.problem()["errors"][0]["pointer"].clone()
}

#[tokio::test]
async fn shorthand_is_published_as_the_http_client() {
    let (gateway, receiver) = observed();
    let body = r#"{"type":"cart.added","subject":"7","data":{"n": 1.0}}"#;
    let answer = publish(&gateway.router(), "application/json; charset=utf-8", body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let event = received(&receiver).remove(0);
    assert_eq!(answer.json()["id"], event.id());
    assert_eq!(answer.json()["time"], rfc3339(event.recorded_time()));
    assert_eq!(event.event_type(), "custom.cart.added");
    assert_eq!(event.source(), "/nodes/a/clients/anonymous");
    assert_eq!(event.data(), Some(&br#"{"n": 1.0}"#[..]));
}

#[tokio::test]
async fn structured_events_keep_their_attributes() {
    let (gateway, receiver) = observed();
    let answer = publish(&gateway.router(), STRUCTURED, cloud_event("1").to_string()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let event = received(&receiver).remove(0);
    assert_eq!((event.id(), event.source()), ("1", "/shop"));
    assert_eq!(answer.json()["id"], "1");
}

#[tokio::test]
async fn binary_events_carry_attributes_in_headers() {
    let (gateway, receiver) = observed();
    let request = Request::post("/v1/events")
        .header("ce-specversion", "1.0")
        .header("ce-id", "1")
        .header("ce-source", "/shop")
        .header("ce-type", "t")
        .header("ce-subject", "Euro%20%E2%82%AC")
        .header("ce-priority", "3")
        .header("content-type", "image/png")
        .body(Body::from(vec![0, 159, 146]))
        .unwrap();
    let answer = send(&gateway.router(), request).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let event = received(&receiver).remove(0);
    assert_eq!(event.subject(), Some("Euro €"));
    assert_eq!(event.datacontenttype(), "image/png");
    assert_eq!(event.data(), Some(&[0, 159, 146][..]));
}

#[tokio::test]
async fn a_producer_s_time_and_sequence_are_kept() {
    let (gateway, receiver) = observed();
    let mut event = cloud_event("1");
    event["time"] = json!("2018-04-05T17:31:00.5+02:00");
    event["sequence"] = json!("0001");
    let answer = publish(&gateway.router(), STRUCTURED, event.to_string()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let event = received(&receiver).remove(0);
    assert_eq!(event.producer_time(), Some("2018-04-05T17:31:00.5+02:00"));
    let recorded = rfc3339(event.recorded_time());
    assert_eq!(answer.json()["time"], recorded, "when the node took it");
    let extensions: Vec<_> = event.extensions().collect();
    assert_eq!(extensions.len(), 1);
    assert_eq!(
        (extensions[0].0, &*extensions[0].1.text()),
        ("sequence", "0001")
    );
}

#[tokio::test]
async fn attributes_that_break_a_rule_are_named() {
    let (gateway, receiver) = observed();
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    let deep = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, deep);
    for (name, value) in [
        ("time", json!("some invalid time string")),
        ("time", json!("2018-13-05T17:31:00Z")),
        ("time", json!(12345)),
        ("subject", json!("a\u{9b}b")),
        ("id", json!("\u{ffff}")),
        ("source", json!("my shop")),
        ("origin", json!("elsewhere")),
        ("localorigin", json!(true)),
        ("recordedtime", json!("2018-04-05T17:31:00Z")),
        ("user", json!("42")),
        ("client", json!("42")),
        ("epoch", json!("x")),
        ("deadreason", json!("x")),
        ("producertime", json!("2018-04-05T17:31:00Z")),
    ] {
        let mut event = cloud_event("1");
        event[name] = value;
        let answer = publish(&gateway.router(), STRUCTURED, event.to_string()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
        assert_eq!(pointer(&answer), format!("#/{name}"), "{}", answer.body);
    }
    let twice = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","id":"2"}"#;
    let answer = publish(&gateway.router(), STRUCTURED, twice).await;
    assert_eq!(pointer(&answer), "#/id", "{}", answer.body);
    let mut event = cloud_event("1");
    event.as_object_mut().expect("an object").remove("data");
    event["data_base64"] = json!(deep);
    let answer = publish(&gateway.router(), STRUCTURED, event.to_string()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.body.contains("deeper than 100 levels"),
        "{}",
        answer.body
    );
    assert!(received(&receiver).is_empty());
}

#[tokio::test]
async fn a_body_of_which_nothing_is_said_is_taken_as_what_it_is() {
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    for (body, content_type) in [
        ("plain text", Some("application/octet-stream")),
        (r#"{"n":1}"#, Some("application/json")),
        ("", Some("application/json")),
        (&*"[".repeat(200), Some("application/octet-stream")),
        (&deep, None),
    ] {
        let request = Request::post("/v1/events")
            .header("ce-specversion", "1.0")
            .header("ce-id", "1")
            .header("ce-source", "/s")
            .header("ce-type", "t")
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let (gateway, receiver) = observed();
        let answer = send(&gateway.router(), request).await;
        let Some(content_type) = content_type else {
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
            assert!(answer.body.contains("100 levels"), "{}", answer.body);
            continue;
        };
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
        let event = received(&receiver).remove(0);
        assert_eq!(event.datacontenttype(), content_type);
        assert_eq!(event.data().unwrap_or_default(), body.as_bytes());
    }
}

#[tokio::test]
async fn an_invalid_trace_of_the_event_does_not_hide_the_request_s() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let upper_case = parent.to_uppercase();
    for own in ["garbage", &upper_case] {
        let (gateway, receiver) = observed();
        let mut event = cloud_event("1");
        event["traceparent"] = json!(own);
        event["tracestate"] = json!("own=1");
        let request = Request::post("/v1/events")
            .header("content-type", STRUCTURED)
            .header("traceparent", parent)
            .body(Body::from(event.to_string()))
            .expect("a request");
        send(&gateway.router(), request).await;
        let event = received(&receiver).remove(0);
        assert_eq!(
            (event.traceparent(), event.tracestate()),
            (Some(parent), None)
        );
    }
}

#[tokio::test]
async fn bad_headers_are_named() {
    let binary = async |name: &'static str, value: &'static str, body: &'static str| {
        let mut request = Request::post("/v1/events");
        for (known, value) in [
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "/shop"),
            ("ce-type", "t"),
            ("content-type", "application/json"),
        ] {
            if known != name {
                request = request.header(known, value);
            }
        }
        if !value.is_empty() {
            request = request.header(name, value);
        }
        let (gateway, receiver) = observed();
        let answer = send(&gateway.router(), request.body(body.into()).unwrap()).await;
        assert!(received(&receiver).is_empty());
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
        answer.problem()
    };
    for (name, value) in [
        ("ce-id", ""),
        ("ce-specversion", "0.3"),
        ("ce-type", "a b"),
        ("ce-subject", "%ff"),
        ("ce-datacontenttype", "text/plain"),
        ("ce-subject", "a%0Ab"),
        ("ce-an_extension", "1"),
        ("ce-time", "yesterday"),
        ("ce-user", "42"),
        ("ce-recordedtime", "2018-04-05T17:31:00Z"),
    ] {
        let problem = binary(name, value, "1").await;
        assert_eq!(problem["errors"][0]["header"], name, "{problem}");
    }
    let problem = binary("ce-subject", "s", "{").await;
    assert!(problem["detail"].as_str().unwrap().contains("line 1"));
}

#[tokio::test]
async fn a_batch_is_published_in_order() {
    let (gateway, receiver) = observed();
    let batch = json!([cloud_event("1"), cloud_event("2"), cloud_event("3")]);
    let answer = publish(&gateway.router(), BATCHED, batch.to_string()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
    let accepted: Vec<Accepted> = serde_json::from_str(&answer.body).unwrap();
    let ids: Vec<&str> = accepted
        .iter()
        .map(|accepted| accepted.id.as_str())
        .collect();
    assert_eq!(ids, ["1", "2", "3"]);
    let events = received(&receiver);
    assert_eq!(events.iter().map(Event::id).collect::<Vec<_>>(), ids);

    let empty = publish(&gateway.router(), BATCHED, "[]").await;
    assert_eq!(
        (empty.status, empty.body.as_str()),
        (StatusCode::ACCEPTED, "[]")
    );
}

#[tokio::test]
async fn a_batch_is_published_whole_or_not_at_all() {
    let limits = GatewayLimits {
        batch_events: 3,
        ..GatewayLimits::default()
    };
    let (gateway, receiver) = observed_with(limits);
    let with = |member: &str, value: Value| {
        let mut second = cloud_event("2");
        second[member] = value;
        json!([cloud_event("1"), second]).to_string()
    };
    for (batch, status, pointer_) in [
        (with("type", json!("a b")), 400, json!("#/1/type")),
        (with("subject", json!("")), 400, json!("#/1/subject")),
        (with("channel", json!("c")), 400, json!("#/1/channel")),
        (
            with("data", json!("x".repeat(MAX_EVENT_BYTES))),
            413,
            json!("#/1"),
        ),
        (json!([1, 2, 3, 4]).to_string(), 413, Value::Null),
        ("{}".to_owned(), 400, Value::Null),
    ] {
        let answer = publish(&gateway.router(), BATCHED, batch).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(pointer(&answer), pointer_, "{}", answer.body);
        assert!(received(&receiver).is_empty());
    }
}

#[tokio::test]
async fn bodies_that_are_no_events_say_why() {
    let detail = async |content_type: &str, body: &str| {
        let answer = publish(&router(), content_type, body.to_owned()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
        answer.problem()["detail"].as_str().unwrap().to_owned()
    };
    assert!(
        detail(SHORTHAND, "{\"type\":\n}")
            .await
            .contains("line 2 column 1")
    );
    assert!(
        detail(SHORTHAND, r#"{"typ":"a"}"#)
            .await
            .contains("did you mean `type`?")
    );
    assert!(
        detail(SHORTHAND, &cloud_event("1").to_string())
            .await
            .contains(STRUCTURED)
    );
    assert!(
        detail(STRUCTURED, r#"{"specversion":"1.0"}"#)
            .await
            .contains("`id` is missing")
    );
    assert!(detail(STRUCTURED, "").await.contains("empty"));
    let deep = format!(
        "{{\"type\":\"t\",\"data\":{}{}}}",
        "[".repeat(500),
        "]".repeat(500)
    );
    assert!(
        detail(SHORTHAND, &deep)
            .await
            .contains("100 levels at line 1 column 119")
    );
}

#[tokio::test]
async fn other_media_types_are_refused() {
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/cloudevents+avro",
    ] {
        let answer = publish(&router(), content_type, "{}").await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(
            answer.problem()["detail"]
                .as_str()
                .unwrap()
                .contains(content_type)
        );
        assert_eq!(answer.headers["accept-post"], JSON_TYPES);
    }
    // Without a media type as well: pages of other origins may send such bodies.
    let answer = post(&router(), "/v1/events").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn encoded_bodies_are_refused() {
    let request = Request::post("/v1/events")
        .header("content-type", SHORTHAND)
        .header("content-encoding", "gzip")
        .body(Body::from("{}"))
        .unwrap();
    let answer = send(&router(), request).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(answer.headers["accept-encoding"], "identity");
    assert!(
        answer.problem()["detail"]
            .as_str()
            .unwrap()
            .contains("gzip")
    );
}

#[tokio::test]
async fn bodies_are_bounded_in_size() {
    let router = router();
    let limit = body::single_limit(&bus());
    let large = json!({"type": "t", "data": "x".repeat(limit)}).to_string();
    let answer = publish(&router, SHORTHAND, large.clone()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        answer.problem()["detail"]
            .as_str()
            .unwrap()
            .contains(&limit.to_string())
    );

    let chunks = futures_util::stream::iter(
        large
            .into_bytes()
            .chunks(1000)
            .map(Bytes::copy_from_slice)
            .map(Ok::<_, std::io::Error>)
            .collect::<Vec<_>>(),
    );
    let answer = publish(&router, SHORTHAND, Body::from_stream(chunks)).await;
    assert_eq!(
        answer.status,
        StatusCode::PAYLOAD_TOO_LARGE,
        "without a content-length"
    );

    let fits_body_not_event = json!({"type": "t", "data": "x".repeat(MAX_EVENT_BYTES)}).to_string();
    let answer = publish(&router, SHORTHAND, fits_body_not_event).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up() {
    let endless =
        Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let answer = publish(&router(), SHORTHAND, endless).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    answer.problem();
}

#[tokio::test(start_paused = true)]
async fn bodies_share_a_bounded_memory() {
    let limits = GatewayLimits {
        body_memory: 4 * body::single_limit(&bus()).next_multiple_of(1024),
        address_share: 100,
        ..GatewayLimits::default()
    };
    let router = gateway(&bus(), limits).router();
    // Without a content-length each takes what the largest one may.
    let slow: Vec<_> = (0..5)
        .map(|_| {
            let endless =
                Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
            publish(&router, SHORTHAND, endless)
        })
        .collect();
    let answers = futures_util::future::join_all(slow).await;
    let mut statuses: Vec<u16> = answers
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [408, 408, 408, 408, 503]);
    let busy = answers.iter().find(|answer| answer.status == 503).unwrap();
    assert_eq!(busy.headers["retry-after"], "1");
    let after = publish(&router, SHORTHAND, r#"{"type":"t"}"#).await;
    assert_eq!(
        after.status,
        StatusCode::ACCEPTED,
        "the memory is free again"
    );
}

#[tokio::test]
async fn the_trace_context_of_the_request_is_taken() {
    let (gateway, receiver) = observed();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = Request::post("/v1/events")
        .header("content-type", SHORTHAND)
        .header("traceparent", parent)
        .header("tracestate", "a=1")
        .body(Body::from(r#"{"type":"t"}"#))
        .unwrap();
    send(&gateway.router(), request).await;
    let event = received(&receiver).remove(0);
    assert_eq!(event.traceparent(), Some(parent));
    assert_eq!(event.tracestate(), Some("a=1"));
}

#[tokio::test]
async fn attributes_that_the_bus_refuses_are_named() {
    let answer = publish(&router(), SHORTHAND, r#"{"type":"t","channel":"c"}"#).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.problem()["type"], "urn:hearken:problem:no-channel");
    assert_eq!(pointer(&answer), "#/channel");
    let answer = publish(&router(), SHORTHAND, r#"{"type":"t","subject":""}"#).await;
    assert_eq!(pointer(&answer), "#/subject");
}
