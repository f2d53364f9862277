//! How bytes come in: from a listener to requests that a route may answer.
//!
//! - `server` accepts connections within bounds, ends those that stall, and drains;
//!   `socket` is the bytes of one, and `connection` what is known of it.
//! - `forwarded` says from which address a client comes, and `slots` and `memory` bound what
//!   one address may take.
//! - `hosts` and `origin` refuse what browsers ask on behalf of pages that have no business
//!   here.

pub(super) mod connection;
pub(super) mod forwarded;
pub(super) mod hosts;
pub(super) mod memory;
pub(super) mod origin;
pub(super) mod server;
pub(super) mod slots;
pub(super) mod socket;
