use crate::gateway::test_support::{get, router};

#[tokio::test]
async fn links_are_shown_by_node() {
    let metrics = get(&router(), "/metrics").await.body;
    for line in [
        "# UNIT hearken_link_round_trip_seconds seconds",
        r#"hearken_link_round_trip_seconds{node="b"} 0.00025"#,
        r#"hearken_link_sent_events_total{node="b"} 5"#,
        r#"hearken_link_received_events_total{node="b"} 6"#,
        r#"hearken_link_dropped_events_total{node="b"} 7"#,
        r#"hearken_link_gap_events_total{node="b"} 8"#,
        r#"hearken_link_queued_events{node="b"} 4"#,
        r#"hearken_link_state{node="b",state="connected"} 1"#,
        r#"hearken_link_state{node="c",state="unreachable"} 1"#,
        r#"hearken_link_sent_events_total{node="c"} 0"#,
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} in\n{metrics}"
        );
    }
    // What was never measured is no figure, and a node has no link to itself.
    for part in [r#"round_trip_seconds{node="c"}"#, r#"node="a""#] {
        assert!(!metrics.contains(part), "{part} in\n{metrics}");
    }
}
