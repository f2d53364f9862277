//! The cluster: links between nodes, over which distributed events flow.

pub mod certificates;
pub mod membership;
pub mod network;
pub mod tls;

/// The protocol as `link.proto` defines it.
#[expect(
    missing_docs,
    clippy::all,
    reason = "generated; documented in link.proto"
)]
pub mod protocol {
    tonic::include_proto!("hearken.cluster.v1");
}
