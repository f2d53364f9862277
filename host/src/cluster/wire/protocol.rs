//! The protocol as `link.proto` defines it.
#![expect(
    missing_docs,
    clippy::all,
    reason = "generated; documented in link.proto"
)]

tonic::include_proto!("hearken.cluster.v1");
