//! `nodes`.

use axum::routing::get;
use axum::{Json, Router};
use hearken::admin::{LinkStatus, NodeState, NodeStatus};
use serde_json::json;

use crate::support::Node;

fn status(name: &str, state: NodeState, link: Option<LinkStatus>) -> NodeStatus {
    NodeStatus {
        name: name.to_owned(),
        address: format!("{name}.example:7071"),
        version: "0.1.0".to_owned(),
        incarnation: "5f0a9c1be3d24f6c8a7b9e0d1c2f3a4b".to_owned(),
        state,
        troubles: Vec::new(),
        link,
    }
}

fn nodes() -> [NodeStatus; 3] {
    let busy = LinkStatus {
        round_trip_ms: Some(0.2345),
        queued: 3,
        sent: 1200,
        received: 7,
        dropped: 2,
        gaps: 1,
    };
    [
        status("a", NodeState::This, None),
        status("b\u{1b}[2J", NodeState::Connected, Some(busy)),
        status("c", NodeState::Unreachable, Some(LinkStatus::default())),
    ]
}

async fn node() -> Node {
    let list = async || Json(json!({"nodes": nodes()}));
    Node::start(Router::new().route("/v1/nodes", get(list))).await
}

#[tokio::test]
async fn nodes_are_a_table() {
    let answer = node().await.hearken(&["nodes"]).await;
    assert_eq!((answer.code, &*answer.stderr), (0, ""));
    let mut lines = answer.stdout.lines();
    let mut row = || -> Vec<String> {
        let line = lines.next().expect("a line");
        let cells = line.split("  ").map(str::trim);
        let cells = cells.filter(|cell| !cell.is_empty());
        cells.map(str::to_owned).collect()
    };
    let heads =
        "NAME,ADDRESS,VERSION,STATE,INCARNATION,ROUND TRIP,QUEUED,SENT,RECEIVED,DROPPED,GAPS";
    assert_eq!(row().join(","), heads);
    assert_eq!(
        row().join(","),
        "a,a.example:7071,0.1.0,self,1c2f3a4b,-,-,-,-,-,-"
    );
    assert_eq!(
        row().join(","),
        "b\\u{1b}[2J,b\\u{1b}[2J.example:7071,0.1.0,connected,1c2f3a4b,0.23ms,3,1200,7,2,1"
    );
    assert_eq!(
        row().join(","),
        "c,c.example:7071,0.1.0,unreachable,1c2f3a4b,-,0,0,0,0,0"
    );
    assert_eq!(lines.next(), None);
}

#[tokio::test]
async fn nodes_are_a_json_value_each() {
    let answer = node().await.hearken(&["nodes", "--json"]).await;
    assert_eq!((answer.code, &*answer.stderr), (0, ""));
    let shown: Vec<NodeStatus> = answer
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is a node"))
        .collect();
    assert_eq!(shown, nodes());
}
