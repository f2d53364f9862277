//! The cluster as the clients of one of its nodes see it.

use hearken::admin::{LinkStatus, NodeState, NodeStatus};
use serde::Deserialize;

use super::api::Api;
use super::{DEADLINE, POLL};

#[derive(Deserialize)]
struct NodeList {
    nodes: Vec<NodeStatus>,
}

impl Api {
    /// All nodes that the node knows, itself first.
    pub async fn nodes(&self) -> Vec<NodeStatus> {
        let list: NodeList = self.get("/v1/nodes").await.json().await.expect("nodes");
        list.nodes
    }

    /// The node as it sees itself.
    pub async fn itself(&self) -> NodeStatus {
        let mut nodes = self.nodes().await;
        assert_eq!(nodes[0].state, NodeState::This, "{nodes:?}");
        nodes.swap_remove(0)
    }

    /// Waits until the node sees another one as wanted.
    pub async fn until_node(&self, name: &str, wanted: impl Fn(&NodeStatus) -> bool) -> NodeStatus {
        let mut last = Vec::new();
        let waiting = async {
            loop {
                last = self.nodes().await;
                let seen = last.iter().find(|node| node.name == name);
                if let Some(node) = seen.filter(|node| wanted(node)) {
                    return node.clone();
                }
                tokio::time::sleep(POLL).await;
            }
        };
        let found = tokio::time::timeout(DEADLINE, waiting).await;
        found.unwrap_or_else(|_| panic!("`{name}` does not get there: {last:#?}"))
    }

    /// Waits until another node is in this state.
    pub async fn until_state(&self, name: &str, state: NodeState) -> NodeStatus {
        self.until_node(name, |node| node.state == state).await
    }

    /// Waits until the figures of the link to another node are as wanted.
    pub async fn until_link(&self, name: &str, wanted: impl Fn(&LinkStatus) -> bool) -> LinkStatus {
        let there = |node: &NodeStatus| node.link.as_ref().is_some_and(&wanted);
        let node = self.until_node(name, there).await;
        node.link.expect("looked for")
    }
}
