//! The protocol as `link.proto` defines it. `hearken-protocol` writes the code, beside it.
#![expect(
    missing_docs,
    clippy::all,
    reason = "generated; documented in link.proto"
)]

include!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/proto/hearken/cluster/v1/link.rs"
));
