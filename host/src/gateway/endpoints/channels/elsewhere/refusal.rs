//! Why a request is not passed on, or has no answer.

use axum::http::StatusCode;

use crate::nearest;

/// Why a request on a channel of another node is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum ElsewhereRefusal {
    #[error(
        "the channel `{name}` lies on the node {}, which cannot be reached now; nothing was \
         done: try again",
        listed(nodes)
    )]
    Away { name: String, nodes: Vec<String> },
    #[error(
        "the node `{node}`, which the channel `{name}` lies on, went away before it had \
         answered: whether it did what was asked is not known; send events again with the \
         same `source` and `id`, which are stored once"
    )]
    Unknown { name: String, node: String },
    #[error(
        "too many requests are on their way to the node `{node}`; nothing was done: try again later"
    )]
    Busy { node: String },
    #[error(
        "the request is too large for the node `{node}`, which the channel `{name}` lies on; \
         nothing was done: its `max_event_size` is smaller than this node's"
    )]
    TooLarge { name: String, node: String },
    #[error(
        "the node has just been started and has not met all nodes of its cluster yet: one of \
         them may have a channel `{0}`; nothing was done: try again in some seconds"
    )]
    Unsettled(String),
    #[error(
        "several nodes have a channel `{name}`; say which one you mean: {}, and remove the \
         others",
        ways(name, nodes)
    )]
    Ambiguous { name: String, nodes: Vec<String> },
    #[error(
        "the node `{node}` has a channel `{name}`, and names belong to the cluster: take another \
         name, or remove that one (`{name}@{node}`)"
    )]
    Exists { name: String, node: String },
    #[error(
        "the channel `{name}` lies on the node `{node}`, and this cannot be passed on: ask that \
         node"
    )]
    OnlyThere { name: String, node: String },
    #[error("there is no node `{node}` in the cluster; {}", meant(nearest.as_deref()))]
    NoNode {
        node: String,
        nearest: Option<String>,
    },
}

impl ElsewhereRefusal {
    /// There is no node of this name among those that are known.
    pub(super) fn no_node<'k>(node: &str, known: impl IntoIterator<Item = &'k str>) -> Self {
        Self::NoNode {
            node: node.to_owned(),
            nearest: nearest::nearest(node, known).map(str::to_owned),
        }
    }

    /// Whether it will be another in a while, without anybody doing anything.
    pub(super) fn passes(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Unsettled(_))
    }

    /// The status, the kind and the title of the problem.
    pub(in crate::gateway) fn classify(&self) -> (StatusCode, &'static str, &'static str) {
        const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
        match self {
            Self::Away { .. } => (UNAVAILABLE, "node-away", "The channel's node is away"),
            Self::Unknown { .. } => (UNAVAILABLE, "outcome-unknown", "Outcome unknown"),
            Self::Busy { .. } => (UNAVAILABLE, "overloaded", "Too much at once"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large"),
            Self::Unsettled(_) => (UNAVAILABLE, "starting", "Not ready yet"),
            Self::Ambiguous { .. } => (StatusCode::CONFLICT, "ambiguous", "Several channels"),
            Self::Exists { .. } => (
                StatusCode::CONFLICT,
                "channel-exists-elsewhere",
                "On another node already",
            ),
            Self::OnlyThere { .. } => (StatusCode::CONFLICT, "elsewhere", "On another node"),
            Self::NoNode { .. } => (StatusCode::NOT_FOUND, "no-node", "No such node"),
        }
    }
}

fn listed(nodes: &[String]) -> String {
    let nodes: Vec<String> = nodes.iter().map(|node| format!("`{node}`")).collect();
    nodes.join(" or ")
}

fn ways(name: &str, nodes: &[String]) -> String {
    let ways = nodes.iter().map(|node| format!("`{name}@{node}`"));
    ways.collect::<Vec<_>>().join(" or ")
}

fn meant(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "`GET /v1/nodes` lists them".to_owned(),
    }
}
