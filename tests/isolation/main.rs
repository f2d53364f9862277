//! What a plugin waits for because of others: the latency of a well-behaved one
//! beside plugins that call one import of the host over and over, or do other things
//! that hold a thread. One test at a time, for they measure.

mod hogs;
mod stage;
#[path = "../e2e/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the end-to-end suite uses the rest"
)]
mod support;
