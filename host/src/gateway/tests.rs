use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::test_support::{FRIEND, get, post, publish, router, send};

#[tokio::test]
async fn unknown_paths_are_problems() {
    let answer = get(&router(), "/v2/events").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let problem = answer.problem();
    assert_eq!(problem["type"], "urn:hearken:problem:no-route");
    assert!(problem["detail"].as_str().unwrap().contains("`/v2/events`"));
}

#[tokio::test]
async fn wrong_methods_are_problems_that_name_the_right_ones() {
    let answer = post(&router(), "/v1/wait").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers["allow"], "GET,HEAD");
    answer.problem();
}

#[tokio::test]
async fn unknown_parameters_are_errors_everywhere() {
    let router = router();
    for uri in ["/v1/plugins?a=1", "/v1/plugins/good?a=1"] {
        let answer = get(&router, uri).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{uri}");
        assert_eq!(answer.problem()["errors"][0]["parameter"], "a");
    }
    for uri in ["/v1/events?type=t", "/v1/plugins/good/pause?a=1"] {
        let answer = post(&router, uri).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{uri}");
    }
    let encoding = get(&router, "/v1/events?subject=%ff").await;
    assert_eq!(encoding.status, StatusCode::BAD_REQUEST);
    encoding.problem();
}

#[tokio::test]
async fn a_panic_is_an_internal_error_of_one_request() {
    let router = router();
    let answer = get(&router, "/v1/plugins/panic").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    answer.problem();
    assert!(!answer.body.contains("confidential"), "{}", answer.body);
    assert_eq!(
        get(&router, "/v1/plugins/good").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn pages_of_other_origins_may_not_use_the_node() {
    let router = router();
    let from_page = |method: &str, path: &str, header: &'static str, value: &'static str| {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1:7070")
            .header(header, value)
            .body(Body::empty())
            .unwrap()
    };
    let routes = [
        ("POST", "/v1/plugins/good/pause"),
        ("GET", "/v1/plugins"),
        ("GET", "/v1/events"),
        ("HEAD", "/v1/events"),
        ("GET", "/v1/wait?type=a&timeout=1ms"),
        ("GET", "/v1/nodes"),
        ("GET", "/metrics"),
        ("OPTIONS", "/v1/events"),
        ("GET", "/nowhere"),
    ];
    for (method, path) in routes {
        for (header, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let foreign = send(&router, from_page(method, path, header, value)).await;
            assert_eq!(foreign.status, StatusCode::FORBIDDEN, "{method} {path}");
        }
    }
    let foreign = send(
        &router,
        from_page("GET", "/v1/plugins", "origin", "https://evil.example"),
    )
    .await;
    let problem = foreign.problem();
    assert!(problem["detail"].as_str().unwrap().contains("evil.example"));
    for path in ["/livez", "/readyz", "/openapi.json"] {
        let harmless = send(
            &router,
            from_page("GET", path, "origin", "https://evil.example"),
        )
        .await;
        assert_eq!(harmless.status, StatusCode::OK, "{path}");
    }
    for (header, value) in [
        ("origin", "http://127.0.0.1:7070"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
    ] {
        for (method, path) in [("POST", "/v1/plugins/good/pause"), ("GET", "/v1/plugins")] {
            let own = send(&router, from_page(method, path, header, value)).await;
            assert_eq!(own.status, StatusCode::OK, "{method} {path}");
        }
    }
}

fn from_friend(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "127.0.0.1:7070")
        .header("origin", FRIEND)
        .header("sec-fetch-site", "cross-site")
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_what_they_are_answered() {
    let router = router();
    for (path, status) in [
        ("/v1/plugins", StatusCode::OK),
        ("/v1/plugins/none", StatusCode::NOT_FOUND),
        ("/nowhere", StatusCode::NOT_FOUND),
    ] {
        let request = from_friend("GET", path).body(Body::empty()).unwrap();
        let answer = send(&router, request).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.headers["access-control-allow-origin"], FRIEND);
        assert_eq!(answer.headers["vary"], "Origin");
        let exposed = answer.headers["access-control-expose-headers"].to_str();
        assert!(exposed.unwrap().contains("Retry-After"));
        let credentials = answer.headers.get("access-control-allow-credentials");
        assert!(credentials.is_none(), "cookies mean nothing here");
    }
    let own = get(&router, "/v1/plugins").await;
    assert_eq!(own.headers["vary"], "Origin", "a cache must not mix them");
    assert!(!own.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn browsers_that_ask_first_are_told() {
    let router = router();
    let preflight = from_friend("OPTIONS", "/v1/events")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        )
        .body(Body::empty())
        .unwrap();
    let answer = send(&router, preflight).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    for (header, value) in [
        ("access-control-allow-origin", FRIEND),
        ("access-control-allow-headers", "authorization,content-type"),
        (
            "access-control-allow-methods",
            "GET, HEAD, POST, PUT, DELETE",
        ),
        ("access-control-max-age", "600"),
        ("vary", "Origin"),
    ] {
        assert_eq!(answer.headers[header], value, "{header}");
    }
    // Nobody else is told anything.
    for origin in [
        "https://evil.example",
        "https://app.example.com.evil",
        "null",
    ] {
        let preflight = Request::options("/v1/events")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .body(Body::empty())
            .unwrap();
        let answer = send(&router, preflight).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn a_request_must_name_its_host_properly() {
    let router = router();
    let answer = send(
        &router,
        Request::get("/livez")
            .header("host", "[::1]evil.com")
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.problem()["type"], "urn:hearken:problem:bad-host");
}

#[tokio::test]
async fn whatever_is_posted_as_an_event_gets_an_event_or_a_problem() {
    let router = router();
    for content_type in [
        "application/json",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
    ] {
        for body in [
            "",
            "null",
            "[]",
            "[null]",
            "[[]]",
            "{}",
            "\"x\"",
            "\u{feff}{}",
            "{\"type\":\"\"}",
        ] {
            let answer = publish(&router, content_type, body).await;
            if answer.status != StatusCode::ACCEPTED {
                assert_eq!(
                    answer.status,
                    StatusCode::BAD_REQUEST,
                    "{content_type} {body}"
                );
                answer.problem();
            }
        }
    }
}
