//! How bytes come in: from a listener to requests that a route may answer.
//!
//! - `server` accepts connections within bounds, and drains; `http1` serves one and ends it
//!   when it stalls, `socket` is its bytes, and `connection` what is known of it.
//! - `client` is who sent a request over it.
//! - `forwarded` says from which address a client comes, and `slots` and `memory` bound what
//!   one address may take.
//! - `guard` refuses what browsers ask on behalf of pages that have no business here, which
//!   `hosts` and `origin` tell.

pub(super) mod client;
pub(super) mod connection;
pub(super) mod forwarded;
pub(super) mod guard;
pub(super) mod hosts;
mod http1;
pub(super) mod memory;
pub(super) mod origin;
pub(super) mod server;
pub(super) mod slots;
pub(super) mod socket;
