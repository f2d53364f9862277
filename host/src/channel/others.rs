//! Channels of other nodes, as far as this room knows of them: that they are there.

use tokio::sync::watch;

/// Says which other nodes have a channel of a name.
pub trait OtherNodes: Send + Sync + 'static {
    /// The names of those nodes.
    fn that_have(&self, channel: &str) -> Vec<String>;

    /// Whether a channel that none is known to have is none's, as far as one can tell: it is
    /// not while nodes have yet to be met, or to say what they have.
    fn is_settled(&self) -> bool {
        true
    }

    /// Changes when it does which channels they have; never, where that stays.
    fn changes(&self) -> watch::Receiver<u64> {
        watch::Sender::default().subscribe()
    }
}

/// Nodes as a message names them: `a` or `b`.
pub(super) fn listed(nodes: &[String]) -> String {
    let nodes: Vec<String> = nodes.iter().map(|node| format!("`{node}`")).collect();
    nodes.join(" or ")
}
