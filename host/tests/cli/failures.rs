//! Nodes that are not there, refuse, or are none.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::post;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{Node, hearken};

#[tokio::test]
async fn a_node_that_is_not_there_is_said_to_be_missing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for arguments in [
        &["send", "a"][..],
        &["listen"],
        &["wait", "a"],
        &["nodes"],
        &["plugin", "list"],
    ] {
        let answer = hearken(&url, arguments, None).await;
        assert_eq!((answer.code, &*answer.stdout), (1, ""));
        assert_eq!(
            answer.stderr,
            format!(
                "hearken: cannot reach {url}: connection refused; is a node running? start one \
                 with `hearken run`, or name another with --host\n"
            )
        );
    }
}

#[tokio::test]
async fn a_refusal_is_shown_as_the_node_explains_it() {
    let problem = json!({
        "type": "urn:hearken:problem:bad-event", "title": "Bad event", "status": 400,
        "detail": "the type is empty",
        "errors": [{"detail": "must not be empty", "pointer": "#/type"}],
    });
    let refuse = async move || {
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        (StatusCode::BAD_REQUEST, content_type, problem.to_string())
    };
    let node = Node::start(Router::new().route("/v1/events", post(refuse))).await;
    let answer = node.hearken(&["send", ""]).await;
    assert_eq!((answer.code, &*answer.stdout), (1, ""));
    assert_eq!(
        answer.stderr,
        format!(
            "hearken: {} answered 400 Bad Request: Bad event: the type is empty\n  \
             #/type: must not be empty\n",
            node.url
        )
    );
}

#[tokio::test]
async fn another_kind_of_server_is_doubted() {
    let hello = async || "<html>\u{1b}[2J";
    let node = Node::start(Router::new().route("/v1/events", post(hello))).await;
    let answer = node.hearken(&["send", "a"]).await;
    assert_eq!(answer.code, 1);
    assert!(
        answer.stderr.contains("is it a Hearken node"),
        "{}",
        answer.stderr
    );
    let answer = node.hearken(&["plugin", "list"]).await;
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.contains("404 Not Found"), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("is it a Hearken node"),
        "{}",
        answer.stderr
    );
}

#[tokio::test]
async fn a_command_line_that_makes_no_sense_exits_2() {
    for (host, arguments, part) in [
        (
            "127.0.0.1:7070",
            &["plugin", "list"][..],
            "http://127.0.0.1:7070",
        ),
        (
            "ftp://127.0.0.1",
            &["plugin", "list"],
            "the scheme is `ftp`",
        ),
        ("http://127.0.0.1", &["wait", "a", "--timeout", "10"], "10s"),
        ("http://127.0.0.1", &["listen", "--count", "0"], "--count"),
        ("http://127.0.0.1", &["sned"], "send"),
    ] {
        let answer = hearken(host, arguments, None).await;
        assert_eq!((answer.code, &*answer.stdout), (2, ""), "{arguments:?}");
        assert!(answer.stderr.contains(part), "{}", answer.stderr);
    }
}
