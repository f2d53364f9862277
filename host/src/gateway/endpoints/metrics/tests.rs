use crate::gateway::test_support::{get, publish, router};

#[tokio::test]
async fn bus_plugins_and_requests_are_counted() {
    let router = router();
    publish(&router, "application/json", r#"{"type":"t"}"#).await;
    publish(&router, "application/json", "{").await;
    get(&router, "/v1/plugins/good").await;
    get(&router, "/no/such/path").await;
    let answer = get(&router, "/metrics").await;
    assert!(
        answer.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    for line in [
        "hearken_published_events_total 1",
        r#"hearken_receivers{kind="stream"} 0"#,
        r#"hearken_plugin_delivered_events_total{plugin="good"} 42"#,
        r#"hearken_plugin_memory_bytes{plugin="broken"} 65536"#,
        r#"hearken_plugin_http_requests_total{plugin="good",host="a.example",status="200"} 3"#,
        r#"hearken_plugin_state{plugin="broken",state="backing-off"} 1"#,
        r#"hearken_consumer_lag_events{plugin="good",channel="orders"} 5"#,
        r#"hearken_consumer_stalled_attempts{plugin="good",channel="orders"} 3"#,
        r#"hearken_consumer_dead_letters_total{plugin="good",channel="orders"} 2"#,
        r#"hearken_http_open{kind="stream"} 0"#,
        r#"hearken_http_requests_total{method="POST",route="/v1/events",status="202"} 1"#,
        r#"hearken_http_requests_total{method="POST",route="/v1/events",status="400"} 1"#,
        r#"hearken_http_requests_total{method="GET",route="/v1/plugins/{name}",status="200"} 1"#,
        r#"hearken_http_requests_total{method="GET",route="none",status="404"} 1"#,
        "# EOF",
    ] {
        assert!(
            answer.body.lines().any(|found| found == line),
            "{line} in\n{}",
            answer.body
        );
    }
}
