use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::test_support::{get, post, publish, router, send};

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
async fn pages_of_other_origins_may_not_change_anything() {
    let router = router();
    let from_page = |origin: &'static str| {
        Request::post("/v1/plugins/good/pause")
            .header("host", "127.0.0.1:7070")
            .header("origin", origin)
            .body(Body::empty())
            .unwrap()
    };
    let foreign = send(&router, from_page("https://evil.example")).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert!(
        foreign.problem()["detail"]
            .as_str()
            .unwrap()
            .contains("evil.example")
    );
    let own = send(&router, from_page("http://127.0.0.1:7070")).await;
    assert_eq!(own.status, StatusCode::OK);
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
