use axum::Router;
use axum::http::StatusCode;

use crate::bus::Bus;
use crate::event::{Draft, EventType};
use crate::gateway::GatewayLimits;
use crate::gateway::test_support::{Answer, bus, gateway, get, router};

fn put(bus: &Bus, event_type: &str, subject: &str) {
    let draft = Draft {
        subject: Some(subject.into()),
        ..Draft::new(EventType::custom(event_type).unwrap())
    };
    bus.publisher("/s", "p").publish(&draft).unwrap();
}

/// Waits until the gateway shows `count` open waiters.
async fn waiters(router: &Router, count: usize) {
    let line = format!("hearken_http_open{{kind=\"waiter\"}} {count}\n");
    while !get(router, "/metrics").await.body.contains(&line) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_next_event_that_matches_is_the_answer() {
    let bus = bus();
    let router = gateway(&bus, GatewayLimits::default()).router();
    put(&bus, "done", "7");
    let waiting = async { get(&router, "/v1/wait?type=custom.d*&subject=7&timeout=1m").await };
    let publishing = async {
        waiters(&router, 1).await;
        put(&bus, "done", "8");
        put(&bus, "dull", "7");
        put(&bus, "done", "7");
    };
    let (answer, ()) = tokio::join!(waiting, publishing);
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.headers["content-type"],
        "application/cloudevents+json"
    );
    let event = answer.json();
    assert_eq!(
        (&event["type"], &event["subject"]),
        (&"custom.dull".into(), &"7".into())
    );
    assert_eq!(event["localorigin"], true);
}

#[tokio::test(start_paused = true)]
async fn nothing_in_time_is_504() {
    let started = tokio::time::Instant::now();
    let answer = get(&router(), "/v1/wait?type=custom.a&timeout=90s").await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(
        answer.problem()["detail"]
            .as_str()
            .unwrap()
            .contains("1m 30s")
    );
    assert_eq!(started.elapsed().as_secs(), 90);

    let started = tokio::time::Instant::now();
    get(&router(), "/v1/wait?type=custom.a").await;
    assert_eq!(started.elapsed().as_secs(), 10, "by default");
}

#[tokio::test]
async fn waiters_are_bounded_and_freed_with_their_request() {
    let limits = GatewayLimits {
        waiters: 1,
        ..GatewayLimits::default()
    };
    let router = gateway(&bus(), limits).router();
    let uri = "/v1/wait?type=custom.a&timeout=5m";
    let first = tokio::spawn({
        let router = router.clone();
        async move { get(&router, uri).await }
    });
    waiters(&router, 1).await;
    let second = get(&router, uri).await;
    assert_eq!(second.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(second.problem()["type"], "urn:hearken:problem:busy");
    first.abort();
    waiters(&router, 0).await;
}

#[tokio::test]
async fn draining_ends_the_wait() {
    let gateway = gateway(&bus(), GatewayLimits::default());
    let router = gateway.router();
    let waiting = async { get(&router, "/v1/wait?type=custom.a&timeout=5m").await };
    let draining = async {
        waiters(&router, 1).await;
        gateway.context.draining.cancel();
    };
    let (answer, ()): (Answer, ()) = tokio::join!(waiting, draining);
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.problem()["type"], "urn:hearken:problem:draining");
}

#[tokio::test]
async fn bad_parameters_are_named() {
    for (query, parameter, hint) in [
        ("", "type", "missing"),
        ("?type=a&timeout=10", "timeout", "`10s`"),
        ("?type=a&timeout=soon", "timeout", "`10s`"),
        ("?type=a&timeout=6m", "timeout", "longer than 5m"),
        ("?type=a&time=6s", "time", "did you mean `timeout`?"),
    ] {
        let answer = get(&router(), &format!("/v1/wait{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        let problem = answer.problem();
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(hint),
            "{problem}"
        );
    }
}
