use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use hearken_channel_log::ChannelName;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::access::AccessSettings;
use crate::bus::{Filter, Frame};
use crate::channel::NodeEnvironment;
use crate::channel::test_support::channels_of;
use crate::clock::SystemClock;
use crate::consumer::{ConsumeSettings, Consumers, Feed, Verdict};
use crate::event::Pattern;
use crate::gateway::test_support::{Answer, access, bus, gateway_consuming, get, send};
use crate::gateway::{GatewayLimits, Readiness};

/// A gateway with the channel `orders`, in which there are so many events.
async fn with_orders(events: usize) -> (Router, Consumers) {
    let bus = bus();
    let channels = channels_of(&bus, BTreeMap::new());
    let environment = Arc::new(NodeEnvironment::new(Arc::new(SystemClock)));
    let consumers = Consumers::new(&channels, &bus, environment);
    let readiness = Readiness::default();
    readiness.plugins_loaded();
    let gateway = gateway_consuming(
        &bus,
        GatewayLimits::default(),
        readiness,
        access(AccessSettings::default()),
        channels,
        consumers.clone(),
    );
    let router = gateway.router();
    let made = ask(&router, "PUT", "", json!({})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    for number in 0..events {
        let event = json!({"type": "paid", "subject": number.to_string()});
        let appended = ask(&router, "POST", "/events", event).await;
        assert_eq!(appended.status, StatusCode::CREATED, "{}", appended.body);
    }
    (router, consumers)
}

async fn ask(router: &Router, method: &str, of_orders: &str, body: Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("/v1/channels/orders{of_orders}"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()));
    send(router, request.expect("a request")).await
}

async fn command(router: &Router, method: &str, of_orders: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("/v1/channels/orders{of_orders}"))
        .body(Body::empty());
    send(router, request.expect("a request")).await
}

/// What is shown of the plugin `shop`, once all is done that there is to do.
async fn shown(router: &Router) -> Value {
    sleep(Duration::from_secs(3)).await;
    let shown = get(router, "/v1/channels/orders").await.json();
    shown["consumers"][0].clone()
}

/// The events of the plugin `shop`.
fn feed(consumers: &Consumers) -> Feed {
    let orders = ChannelName::new("orders").expect("valid");
    let consumer = consumers.consumer("shop", &orders);
    let settings = ConsumeSettings {
        attempts: 3,
        ..ConsumeSettings::default()
    };
    consumer.configure(vec![Filter::new(Pattern::any())], settings, 1);
    consumer.feed(0)
}

async fn next(feed: &mut Feed, verdict: Verdict<'_>) -> Option<u64> {
    let mut frame = Frame::default();
    feed.take(1, &mut frame).await.expect("it is open");
    feed.settle(&frame, 0..1, verdict);
    frame.event(0)?.sequence()
}

fn kind(answer: &Answer) -> String {
    let problem = answer.problem();
    problem["type"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn plugins_are_shown_with_what_they_hang_on() {
    let (router, consumers) = with_orders(3).await;
    assert_eq!(shown(&router).await, Value::Null);
    let mut feed = feed(&consumers);
    next(&mut feed, Verdict::Done).await;
    next(&mut feed, Verdict::Rejected("no such thing")).await;
    sleep(Duration::from_secs(3)).await;
    next(&mut feed, Verdict::Again("no luck")).await;
    let shown = get(&router, "/v1/channels/orders").await.json();
    let mut shown = shown["consumers"][0].clone();
    let next = shown["stalled"]["next_attempt"].take();
    assert!(next.is_string(), "{next}");
    assert_eq!(
        shown,
        json!({
            "plugin": "shop", "after": 2, "lag": 1, "in_flight": 0,
            "stalled": {
                "sequence": 3, "attempt": 1, "reason": "no luck", "next_attempt": null
            },
            "dead": 1, "retried": 0, "missed": 0,
        })
    );
}

#[tokio::test(start_paused = true)]
async fn operators_retry_and_seek_and_forget() {
    let (router, consumers) = with_orders(2).await;
    let nobody = command(&router, "POST", "/consumers/shop/retry").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    assert_eq!(kind(&nobody), "urn:hearken:problem:no-consumer");

    let mut feed = feed(&consumers);
    assert_eq!(next(&mut feed, Verdict::Rejected("no")).await, Some(1));
    assert_eq!(next(&mut feed, Verdict::Done).await, Some(2));
    assert_eq!(shown(&router).await["dead"], 1);
    let expected = json!({"channel": "orders", "plugin": "shop", "retried": 1});
    let retried = command(&router, "POST", "/consumers/shop/retry").await;
    assert_eq!(retried.json(), expected);
    assert_eq!(next(&mut feed, Verdict::Done).await, Some(1));
    let retried = command(&router, "POST", "/consumers/shop/retry").await;
    assert_eq!(retried.json()["retried"], 0);

    let sought = ask(&router, "POST", "/consumers/shop/seek", json!({"after": 1})).await;
    assert_eq!(sought.status, StatusCode::OK, "{}", sought.body);
    assert_eq!(sought.json()["after"], 1);
    assert_eq!(next(&mut feed, Verdict::Done).await, Some(2));
    let beyond = ask(&router, "POST", "/consumers/shop/seek", json!({"after": 3})).await;
    assert_eq!(beyond.status, StatusCode::BAD_REQUEST);
    assert_eq!(beyond.problem()["last"], 2);

    let in_use = command(&router, "DELETE", "/consumers/shop").await;
    assert_eq!(in_use.status, StatusCode::CONFLICT);
    assert_eq!(kind(&in_use), "urn:hearken:problem:in-use");
    drop(feed);
    assert_eq!(shown(&router).await["after"], 2);
    let gone = command(&router, "DELETE", "/consumers/shop").await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.body);
    assert_eq!(shown(&router).await, Value::Null);
}
