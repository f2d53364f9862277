//! What clients get that send nonsense, read slowly or ask for what is not there.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::support::DEADLINE;
use crate::support::api::answer;
use crate::support::node::TestNode;
use crate::support::plugin::plugin;
use crate::support::process::NodeProcess;

/// Checks that a response is a problem with that status and a detail that has
/// `detail` in it.
async fn problem(response: Response, status: u16, detail: &str) -> Value {
    let content_type = response.headers()[CONTENT_TYPE].clone();
    assert_eq!(content_type, "application/problem+json");
    assert_eq!(response.status(), status);
    let text = response.text().await.expect("a body");
    let problem: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(problem["status"], status);
    for member in ["type", "title"] {
        assert!(problem[member].is_string(), "{member}: {text}");
    }
    let told = problem["detail"].as_str().expect("a detail");
    assert!(told.contains(detail), "`{detail}` is not in: {told}");
    problem
}

fn body(node: &TestNode, content_type: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    node.request(Method::POST, "/v1/events")
        .header(CONTENT_TYPE, content_type)
        .body(body)
}

/// A CloudEvent in binary mode, with the headers changed as given.
fn binary(node: &TestNode, changed: &[(&str, &str)]) -> RequestBuilder {
    let mut headers = vec![
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/tests"),
        ("ce-type", "t"),
    ];
    headers.retain(|(name, _)| changed.iter().all(|(other, _)| name != other));
    headers.extend(changed.iter().filter(|(_, value)| !value.is_empty()));
    headers.iter().fold(
        node.request(Method::POST, "/v1/events"),
        |request, (name, value)| request.header(*name, *value),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_events_are_explained_and_change_nothing() {
    let node = TestNode::start([plugin("recorder").manifest("subscribe = [\"custom.*\"]")]).await;
    let mut everything = node.listen("*").await;
    const JSON: &str = "application/json";
    const LARGE: &str = "content-type: application/json\r\ncontent-length: 8388608\r\n\
                         expect: 100-continue\r\n";
    const STRUCTURED: &str = "application/cloudevents+json";
    let deep = format!(
        "{{\"type\":\"t\",\"data\":{}1{}}}",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let long_type = format!("{{\"type\":\"{}\"}}", "t".repeat(300));
    let too_large = format!("{{\"type\":\"t\",\"data\":\"{}\"}}", "x".repeat(1 << 20));
    for (content_type, text, status, detail) in [
        (JSON, "", 400, "the body is empty"),
        (JSON, "{\"type\":", 400, "not valid JSON"),
        (JSON, "{\"type\":\"\"}", 400, "the event type is empty"),
        (JSON, "{\"type\":\"a b\"}", 400, "the event type has ' '"),
        (JSON, &long_type, 400, "at most 255"),
        (JSON, "{\"data\":1}", 400, "`type`"),
        (JSON, "{\"tpye\":\"t\"}", 400, "did you mean `type`?"),
        (
            JSON,
            "{\"type\":\"t\",\"distributed\":3}",
            400,
            "`distributed`",
        ),
        (JSON, &deep, 400, "nested deeper than"),
        (JSON, &too_large, 413, "at most 1048576"),
        (
            JSON,
            "{\"type\":\"t\",\"channel\":\"c\"}",
            404,
            "no channel `c`",
        ),
        ("text/plain", "{}", 415, "`text/plain`"),
        (
            STRUCTURED,
            "{\"specversion\":\"1.0\"}",
            400,
            "`id` is missing",
        ),
        (
            STRUCTURED,
            r#"{"specversion":"0.3","id":"1","source":"/s","type":"t"}"#,
            400,
            "`specversion`",
        ),
        (
            STRUCTURED,
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":1,"data_base64":"MQ=="}"#,
            400,
            "exclude each other",
        ),
        (
            "application/cloudevents-batch+json",
            r#"[{"specversion":"1.0","id":"1","source":"/s","type":"t"},{"specversion":"1.0"}]"#,
            400,
            "event 1 of the batch",
        ),
    ] {
        let response = answer(body(&node, content_type, text.to_owned())).await;
        problem(response, status, detail).await;
    }
    let beyond = answer(body(&node, JSON, vec![b' '; 8 << 20])).await;
    problem(beyond, 413, "larger than").await;
    let mut announced = raw(&node, "POST /v1/events", LARGE).await;
    // Who asks first is refused before anything is sent.
    until_line(&mut announced, |line| line.starts_with("HTTP/1.1 413 ")).await;
    node.send("after", 1).await;
    let next = everything.next().await;
    // Between two publishers there is no order: what the plugin makes of it may come first.
    let either = ["custom.after", "custom.recorded.custom.after"];
    assert!(
        either.iter().any(|known| next["type"] == *known),
        "something else was published: {next}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_cloudevents_headers_are_named() {
    let node = TestNode::start([]).await;
    for (changed, header) in [
        (("ce-type", ""), "ce-type"),
        (("ce-id", ""), "ce-id"),
        (("ce-specversion", "2.0"), "ce-specversion"),
        (("ce-type", "a%20b"), "ce-type"),
        (("ce-subject", "%ff"), "ce-subject"),
        (("ce-subject", "\"open"), "ce-subject"),
        (("ce-datacontenttype", "text/plain"), "ce-datacontenttype"),
        (("ce-distributed", "perhaps"), "ce-distributed"),
    ] {
        let problem = problem(answer(binary(&node, &[changed])).await, 400, "").await;
        assert_eq!(problem["errors"][0]["header"], header, "{problem}");
    }
    let good = answer(binary(&node, &[("ce-subject", "caf%C3%A9")])).await;
    assert_eq!(good.status(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_three_modes_of_cloudevents_are_taken() {
    let node = TestNode::start([]).await;
    let mut events = node.listen("custom.*").await;
    let event = |id: &str| {
        json!({
            "specversion": "1.0", "id": id, "source": "/shop", "type": "paid",
            "priority": 3, "datacontenttype": "text/plain", "data": "hi"
        })
    };
    let structured = body(
        &node,
        "application/cloudevents+json",
        event("s").to_string(),
    );
    assert_eq!(answer(structured).await.status(), 202);
    let batch = json!([event("b-1"), event("b-2")]).to_string();
    let batch = body(&node, "application/cloudevents-batch+json", batch);
    let receipt: Value = answer(batch).await.json().await.expect("a receipt");
    assert_eq!(
        (&receipt[0]["id"], &receipt[1]["id"]),
        (&json!("b-1"), &json!("b-2"))
    );
    let headers = [("ce-id", "h"), ("ce-source", "/shop"), ("ce-type", "paid")];
    let binary = binary(&node, &headers)
        .header("ce-priority", "3")
        .header(CONTENT_TYPE, "text/plain")
        .body("hi");
    assert_eq!(answer(binary).await.status(), 202);
    for (id, priority) in [
        ("s", json!(3)),
        ("b-1", json!(3)),
        ("b-2", json!(3)),
        ("h", json!("3")),
    ] {
        let event = events.next().await;
        assert_eq!(event["id"], id);
        assert_eq!(
            (&event["source"], &event["type"]),
            (&json!("/shop"), &json!("custom.paid"))
        );
        assert_eq!(event["priority"], priority, "a header is a string");
        assert_eq!(event["data"], "hi");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_gets_the_next_such_event_or_times_out() {
    let node = TestNode::start([plugin("echo")]).await;
    let waiting = async {
        let found = node.get("/v1/wait?type=custom.answer&subject=7&timeout=60s");
        found.await.json::<Value>().await.expect("an event")
    };
    let publishing = async {
        // Until the waiter is there: what came before it, it does not see.
        loop {
            node.publish(&json!({ "type": "answer", "subject": "6" }))
                .await;
            node.publish(&json!({ "type": "answer", "subject": "7" }))
                .await;
            tokio::time::sleep(crate::support::POLL).await;
        }
    };
    let found = tokio::select! {
        found = waiting => found,
        () = publishing => unreachable!("it publishes for ever"),
    };
    assert_eq!(
        (&found["type"], &found["subject"]),
        (&json!("custom.answer"), &json!("7"))
    );

    let late = node.get("/v1/wait?type=custom.never&timeout=20ms").await;
    problem(late, 504, "within 20ms").await;
    for (query, detail) in [
        ("", "`type` is missing"),
        ("?type=", "type"),
        ("?type=a&timeout=soon", "`timeout`"),
        ("?type=a&timeout=1h", "longer than 5m"),
        ("?type=a&subjct=b", "did you mean `subject`?"),
    ] {
        problem(node.get(&format!("/v1/wait{query}")).await, 400, detail).await;
    }
}

/// A stream that is opened by hand, so that what is read of it is the test's choice.
async fn raw_stream(node: &TestNode, query: &str) -> BufReader<TcpStream> {
    let mut stream = raw(node, &format!("GET /v1/events?{query}"), "").await;
    until_line(&mut stream, |line| line.starts_with(": listening")).await;
    stream
}

/// A request that is sent by hand.
async fn raw(node: &TestNode, request: &str, headers: &str) -> BufReader<TcpStream> {
    let address = node.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)
        .await
        .expect("the node is there");
    let request = format!("{request} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it reads");
    BufReader::with_capacity(1 << 10, stream)
}

async fn until_line(stream: &mut BufReader<TcpStream>, wanted: impl Fn(&str) -> bool) -> u64 {
    let mut events = 0;
    let reading = async {
        loop {
            let mut line = String::new();
            let read = stream.read_line(&mut line).await.expect("UTF-8");
            assert_ne!(read, 0, "the stream ended early");
            if wanted(&line) {
                return;
            }
            events += u64::from(line.starts_with("event: "));
        }
    };
    tokio::time::timeout(DEADLINE, reading)
        .await
        .expect("the line comes");
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_slowly_is_told_what_was_dropped_and_harms_nobody() {
    const EVENTS: u64 = 300;
    let node = TestNode::start([plugin("recorder").manifest("subscribe = [\"custom.big\"]")]).await;
    let mut slow = raw_stream(&node, "type=custom.big").await;
    // Never reads, and is never heard of again.
    let _never = raw_stream(&node, "type=custom.big").await;
    let mut records = node.listen("custom.recorded.*").await;
    let mut good = node.listen("custom.big").await;
    let big = "x".repeat(100 << 10);
    for _ in 0..EVENTS {
        node.send("big", big.as_str()).await;
        assert_eq!(good.next().await["data"], *big);
        assert_eq!(records.next().await["data"]["data"], *big);
    }
    let got = until_line(&mut slow, |line| line == "event: overflow\n").await;
    let mut told = String::new();
    slow.read_line(&mut told).await.expect("UTF-8");
    let told: Value = told
        .strip_prefix("data: ")
        .and_then(|data| serde_json::from_str(data).ok())
        .expect("JSON");
    let dropped = told["dropped"].as_u64().expect("a number");
    assert!(dropped > 0 && got > 0);
    // What was published after the overflow found no stream any more.
    assert!(got + dropped <= EVENTS, "{got} + {dropped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_are_listed_shown_paused_and_resumed() {
    let node = TestNode::start([plugin("recorder"), plugin("fail")]).await;
    let list: Value = node.get("/v1/plugins").await.json().await.expect("a list");
    let names: Vec<&Value> = list["plugins"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|plugin| &plugin["name"])
        .collect();
    assert_eq!(names, ["fail", "recorder"]);
    let fail = &list["plugins"][0];
    assert_eq!(fail["version"], "0.1.0");
    assert_eq!(fail["state"], "running");
    assert_eq!(
        fail["listeners"],
        json!([{ "name": "handle", "pattern": "custom.fail.*", "local_only": false }])
    );
    assert_eq!(fail["limits"]["memory_bytes"], 64 << 20);
    assert_eq!(fail["limits"]["deadline_ms"], 5_000);
    assert_eq!(fail["limits"]["mailbox"], 1_024);
    assert_eq!(fail["limits"]["overflow"], "drop-oldest");
    assert_eq!(fail["last_error"], Value::Null);
    assert_eq!(node.succeed("fail", "pause").await.name, "fail");
    let shown: Value = node
        .get("/v1/plugins/fail")
        .await
        .json()
        .await
        .expect("a plugin");
    assert_eq!(shown["state"], "paused");
    node.succeed("fail", "resume").await;
    node.succeed("fail", "reload").await;
    problem(
        node.get("/v1/plugins/nobody").await,
        404,
        "no plugin `nobody`",
    )
    .await;
    problem(node.act("nobody", "pause").await, 404, "no plugin `nobody`").await;
    problem(node.act("fail", "explode").await, 404, "explode").await;
    std::fs::write(node.plugins().join("fail.wasm"), "nonsense").expect("it is writable");
    problem(
        node.act("fail", "reload").await,
        409,
        "not a WebAssembly file",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_metrics_and_description_are_served() {
    let node = TestNode::start([plugin("fail")]).await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(node.get(path).await.status(), 200, "{path}");
    }
    node.send("fail.now", 1).await;
    node.until("fail", |status| status.counters.failed == 1)
        .await;
    let metrics = node.get("/metrics").await.text().await.expect("text");
    for line in [
        "hearken_plugin_delivered_events_total{plugin=\"fail\"} 1\n",
        "hearken_plugin_failed_events_total{plugin=\"fail\"} 1\n",
        "hearken_http_requests_total{",
        "hearken_published_events_total ",
    ] {
        let there = metrics.starts_with(line) || metrics.contains(&format!("\n{line}"));
        assert!(there, "`{line}` is not in:\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));
    let described = node.get("/openapi.json").await;
    let described: Value = described.json().await.expect("JSON");
    for path in [
        "/v1/events",
        "/v1/wait",
        "/v1/plugins",
        "/v1/plugins/{name}/reload",
    ] {
        assert!(described["paths"][path].is_object(), "{path}");
    }
    problem(node.get("/nowhere").await, 404, "/nowhere").await;
    let wrong = answer(node.request(Method::DELETE, "/v1/events")).await;
    problem(wrong, 405, "DELETE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_on_loopback_answers_only_to_its_own_names() {
    let node = NodeProcess::start([], &["--allow-host", "hearken.test"]).await;
    for method in [Method::GET, Method::POST] {
        let sent_to = async |host: &str| {
            let request = node.request(method.clone(), "/v1/events?type=a");
            answer(request.header("host", host).body("")).await
        };
        let detail = "`--allow-host evil.example`";
        problem(sent_to("evil.example:7070").await, 403, detail).await;
        for host in ["hearken.test", "localhost:80", "[::1]:7070"] {
            assert_ne!(sent_to(host).await.status(), 403, "{method} {host}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_events_reach_streams_waits_and_the_command_line() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let sizes = "max_event_size = \"16MiB\"\n[limits]\nmailbox_bytes = \"16MiB\"\n";
    std::fs::write(file.path(), sizes).expect("it is writable");
    let config = file.path().to_str().expect("UTF-8");
    let node = NodeProcess::start([], &["--config", config]).await;
    let mut stream = node.listen("custom.big").await;
    let listen = ["listen", "custom.big", "--count", "1", "--json"];
    let wait = ["wait", "custom.big", "--timeout", "2m", "--json"];
    let data = "x".repeat(12 << 20);
    let publishing = async {
        for line in ["{kind=\"stream\"} 2\n", "{kind=\"waiter\"} 1\n"] {
            let line = format!("hearken_http_open{line}");
            while !node
                .get("/metrics")
                .await
                .text()
                .await
                .expect("text")
                .contains(&line)
            {
                tokio::time::sleep(crate::support::POLL).await;
            }
        }
        node.send("big", data.as_str()).await;
    };
    let (listened, waited, ()) =
        tokio::join!(node.hearken(&listen), node.hearken(&wait), publishing);
    for answer in [listened, waited] {
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        let event: Value = serde_json::from_str(&answer.stdout).expect("JSON");
        assert!(event["data"] == *data, "the data is another");
    }
    assert!(stream.next().await["data"] == *data, "the data is another");
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_are_asked_to_pass_on_each_message_at_once() {
    let node = TestNode::start([]).await;
    let stream = node.get("/v1/events").await;
    assert_eq!(stream.headers()["x-accel-buffering"], "no");
}
