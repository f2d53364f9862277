//! What is sent and received over one link.
//!
//! - `peer` is the task of one start of another node, which outlives its connections;
//!   `inputs`, `offers` and `superseded` are what the hub has to say to it, and `context`
//!   is what all such tasks share.
//! - `session` is where the two nodes stand, `connected` what is done with it while there
//!   is a connection, and `past` what is left of it once the other node is forgotten.
//! - `outbox` numbers what is sent and keeps it until it is acknowledged; `inbox` keeps
//!   the order of what is received, and `acks` says when to acknowledge it; `gaps` reports
//!   what is missing. `messages` are what sessions say in between.
//! - `interest` says what either side wants, `told` which channels this node has, and
//!   `announcements` tell this node and the membership what becomes of the other.

mod acks;
pub(super) mod announcements;
mod connected;
pub(super) mod context;
mod gaps;
pub mod inbox;
pub(super) mod inputs;
pub mod interest;
pub(super) mod messages;
pub(super) mod offers;
pub(super) mod outbox;
pub(super) mod past;
pub(super) mod peer;
pub(super) mod session;
pub(super) mod superseded;
mod told;
