//! What sessions of several nodes say, as `across.proto` defines it. `hearken-protocol` writes
//! the code, beside it.
#![allow(
    missing_docs,
    dead_code,
    clippy::all,
    reason = "generated; documented in across.proto"
)]

include!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/proto/hearken/sessions/v1/across.rs"
));
