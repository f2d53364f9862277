//! What is sent and received over one link.
//!
//! - `peer` is the task of one start of another node, which outlives its connections;
//!   `connected` is what it does while there is one.
//! - `outbox` numbers what is sent and keeps it until it is acknowledged; `inbox` keeps
//!   the order of what is received, and `acks` says when to acknowledge it; `gaps` reports
//!   what is missing.
//! - `interest` says what either side wants, and `announcements` tell this node and the
//!   membership what becomes of the other.

pub(super) mod acks;
pub(super) mod announcements;
pub(super) mod connected;
pub(super) mod gaps;
pub mod inbox;
pub mod interest;
pub(super) mod outbox;
pub(super) mod peer;
