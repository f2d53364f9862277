//! The plugin threads, in foreground and background: which task runs where and for how
//! long, and what an event costs. Knows no guest.

pub(super) mod account;
pub(super) mod contention;
pub(super) mod executor;
pub(super) mod meter;
pub(super) mod priority;
pub(super) mod task;
pub(super) mod ticker;
