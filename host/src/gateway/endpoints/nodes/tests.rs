use axum::http::StatusCode;

use super::NodeList;
use crate::admin::NodeState;
use crate::gateway::test_support::{get, router};

#[tokio::test]
async fn nodes_are_listed_as_they_stand() {
    let answer = get(&router(), "/v1/nodes").await;
    assert_eq!(answer.status, StatusCode::OK);
    let list: NodeList = serde_json::from_str(&answer.body).unwrap();
    let nodes: Vec<_> = list
        .nodes
        .iter()
        .map(|node| (node.name.as_str(), node.state, node.link.is_some()))
        .collect();
    assert_eq!(
        nodes,
        [
            ("a", NodeState::This, false),
            ("b", NodeState::Connected, true),
            ("c", NodeState::Unreachable, true),
        ]
    );
    let json = answer.json();
    assert_eq!(json["nodes"][0]["state"], "self");
    assert_eq!(json["nodes"][1]["link"]["round_trip_ms"], 0.25);
    assert_eq!(json["nodes"][1]["address"], "b.example:7071");
}

#[tokio::test]
async fn unknown_parameters_are_refused() {
    let answer = get(&router(), "/v1/nodes?state=left").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    answer.problem();
}
