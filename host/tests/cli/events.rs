//! `send`, `listen` and `wait`.

use std::convert::Infallible;
use std::io::Write;

use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream;
use serde_json::{Value, json};

use crate::support::{Node, command, end, hearken};

/// A node that accepts every event and returns it in its answer.
async fn mirror() -> Node {
    let accept = async |Json(event): Json<Value>| {
        let answer = json!({"id": "a-1", "time": "2026-01-02T03:04:05.678Z", "event": event});
        (StatusCode::ACCEPTED, Json(answer))
    };
    Node::start(Router::new().route("/v1/events", post(accept))).await
}

/// What `hearken send` with these arguments publishes.
async fn sent(arguments: &[&str], stdin: Option<&str>) -> Value {
    let node = mirror().await;
    let arguments = [&["--json", "send"], arguments].concat();
    let answer = hearken(&node.url, &arguments, stdin).await;
    assert_eq!((answer.code, &*answer.stderr), (0, ""));
    let answer: Value = serde_json::from_str(&answer.stdout).expect("the answer is JSON");
    assert_eq!(answer["id"], "a-1");
    answer["event"].clone()
}

#[tokio::test]
async fn send_prints_the_id_of_the_event() {
    let answer = mirror().await.hearken(&["send", "hello"]).await;
    assert_eq!(
        (answer.code, &*answer.stdout, &*answer.stderr),
        (0, "a-1\n", "")
    );
}

#[tokio::test]
async fn send_publishes_what_the_flags_say() {
    assert_eq!(sent(&["hello"], None).await, json!({"type": "hello"}));
    let arguments = [
        "hello",
        "--data",
        "{\"a\": [1, null]}",
        "--subject",
        "s",
        "--id",
        "i",
        "--channel",
        "c",
        "--distributed",
    ];
    assert_eq!(
        sent(&arguments, None).await,
        json!({"type": "hello", "id": "i", "data": {"a": [1, null]}, "subject": "s", "channel": "c", "distributed": true})
    );
    assert_eq!(sent(&["n", "--data", "-5"], None).await["data"], -5);
}

#[tokio::test]
async fn send_takes_data_from_files_and_standard_input() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"{\n  \"from\": \"file\"\n}\n").unwrap();
    let argument = format!("@{}", file.path().display());
    let event = sent(&["hello", "--data", &argument], None).await;
    assert_eq!(event["data"], json!({"from": "file"}));
    let event = sent(&["hello", "--data", "-"], Some("[1]\n")).await;
    assert_eq!(event["data"], json!([1]));
}

#[tokio::test]
async fn data_that_is_not_json_is_explained() {
    let node = mirror().await;
    let answer = node.hearken(&["send", "hello", "--data", "hello"]).await;
    assert_eq!((answer.code, &*answer.stdout), (2, ""));
    assert!(
        answer.stderr.contains("--data '\"hello\"'"),
        "{}",
        answer.stderr
    );
    assert!(answer.stderr.contains("@FILE"), "{}", answer.stderr);
    let answer = node
        .hearken(&["send", "hello", "--data", "@/nonexistent"])
        .await;
    assert_eq!(answer.code, 2);
    assert!(answer.stderr.contains("/nonexistent"), "{}", answer.stderr);
}

fn cloud_event(id: &str) -> String {
    json!({
        "specversion": "1.0", "id": id, "type": "custom.a", "time": "2026-01-02T03:04:05.678Z",
        "subject": "s", "data": {"n": id},
    })
    .to_string()
}

/// A node whose stream ends after two events and `last`.
async fn streaming(last: Option<Event>) -> Node {
    let events = async move |Query(query): Query<Vec<(String, String)>>| {
        let wanted = [
            ("type", "custom.*"),
            ("subject", "s"),
            ("local_only", "true"),
        ];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(query, wanted);
        let events = ["1", "2"].map(|id| {
            let event = Event::default().id(id).event("custom.a");
            event.data(cloud_event(id))
        });
        let events = events.into_iter().chain(last);
        Sse::new(stream::iter(events.map(Ok::<_, Infallible>)))
    };
    Node::start(Router::new().route("/v1/events", get(events))).await
}

const LISTEN: [&str; 5] = ["listen", "custom.*", "--subject", "s", "--local-only"];

#[tokio::test]
async fn listen_prints_events_until_the_count_is_reached() {
    let node = streaming(None).await;
    let answer = node
        .hearken(&[&LISTEN[..], &["--count", "2"]].concat())
        .await;
    assert_eq!((answer.code, &*answer.stderr), (0, ""));
    assert_eq!(
        answer.stdout,
        "2026-01-02T03:04:05.678Z custom.a subject=s {\"n\":\"1\"}\n\
         2026-01-02T03:04:05.678Z custom.a subject=s {\"n\":\"2\"}\n"
    );
    let answer = node
        .hearken(&[&LISTEN[..], &["--count", "1", "--json"]].concat())
        .await;
    assert_eq!(answer.code, 0);
    assert_eq!(answer.stdout, format!("{}\n", cloud_event("1")));
}

#[tokio::test]
async fn a_stream_that_ends_early_is_a_failure_that_says_why() {
    let answer = streaming(None).await.hearken(&LISTEN).await;
    assert_eq!((answer.code, answer.stdout.lines().count()), (1, 2));
    assert!(
        answer.stderr.contains("ended the stream"),
        "{}",
        answer.stderr
    );

    let overflow = Event::default().event("overflow").data("{\"dropped\":7}");
    let answer = streaming(Some(overflow)).await.hearken(&LISTEN).await;
    assert_eq!((answer.code, answer.stdout.lines().count()), (1, 2));
    assert!(
        answer.stderr.contains("faster than they were read (7 "),
        "{}",
        answer.stderr
    );
}

#[tokio::test]
async fn a_reader_that_leaves_ends_listen_quietly() {
    let events = async || {
        let event = || Ok::<_, Infallible>(Event::default().data(cloud_event("1")));
        Sse::new(stream::repeat_with(event))
    };
    let node = Node::start(Router::new().route("/v1/events", get(events))).await;
    let mut child = command(&node.url, &["listen"]).spawn().unwrap();
    drop(child.stdout.take());
    let answer = end(child).await;
    assert_eq!((answer.code, &*answer.stderr), (0, ""));
}

#[tokio::test]
async fn wait_prints_the_event_or_exits_3() {
    let answer = async |Query(query): Query<Vec<(String, String)>>| {
        let (_, subject) = query.iter().find(|(name, _)| name == "subject").unwrap();
        let (_, timeout) = query.iter().find(|(name, _)| name == "timeout").unwrap();
        assert_eq!(timeout, "1500ms");
        match subject.as_str() {
            "s" => (StatusCode::OK, cloud_event("1")),
            _ => (
                StatusCode::GATEWAY_TIMEOUT,
                "{\"title\":\"no event\"}".to_owned(),
            ),
        }
    };
    let node = Node::start(Router::new().route("/v1/wait", get(answer))).await;
    let arguments = ["wait", "custom.a", "--timeout", "1500ms", "--subject"];
    let came = node
        .hearken(&[&arguments[..], &["s", "--json"]].concat())
        .await;
    assert_eq!(
        (came.code, came.stdout),
        (0, format!("{}\n", cloud_event("1")))
    );
    let none = node.hearken(&[&arguments[..], &["other"]].concat()).await;
    assert_eq!((none.code, &*none.stdout), (3, ""));
    assert_eq!(none.stderr, "hearken: no `custom.a` came within 1s 500ms\n");
}
