//! Channels of other nodes, as far as this room knows of them: that they are there.

/// Says which other nodes have a channel of a name.
pub trait OtherNodes: Send + Sync + 'static {
    /// The names of those nodes.
    fn that_have(&self, channel: &str) -> Vec<String>;
}

/// Nodes as a message names them: `a` or `b`.
pub(super) fn listed(nodes: &[String]) -> String {
    let nodes: Vec<String> = nodes.iter().map(|node| format!("`{node}`")).collect();
    nodes.join(" or ")
}
