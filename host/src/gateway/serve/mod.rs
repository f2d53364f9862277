//! How bytes come in: from a listener to requests that a route may answer.
//!
//! - `server` accepts connections within bounds, and drains; `socket` is the bytes of one, and
//!   `connection` what is known of it; it is `admitted` for as long as it speaks HTTP. `secure` puts `tls` beneath it.
//! - `requests` is what it takes to answer what comes over one; `http1` (with `heads`) and
//!   `http2` read that, and end a connection that stalls; `event_stream` writes the streams of
//!   HTTP/1, `upgrade` hands over what goes on with another protocol, and `answer_head` is what
//!   both begin with; streams that are sessions are `detached` from what bounds connections.
//! - `client` is from where a request over it comes, and `guests` are who uses it.
//! - `discard` reads what nobody wants.
//! - `forwarded` says from which address a client comes, and `slots` and `memory` bound what
//!   one address may take.
//! - `guard` refuses what browsers ask on behalf of pages that have no business here, which
//!   `hosts` and `origin` tell; `cors` is what the pages of allowed origins are answered.

mod admitted;
mod answer_head;
pub(super) mod client;
pub(super) mod connection;
pub(super) mod cors;
pub(super) mod detached;
pub(super) mod discard;
mod event_stream;
pub(super) mod forwarded;
pub(super) mod guard;
mod guests;
mod heads;
pub(super) mod hosts;
mod http1;
mod http2;
pub(super) mod memory;
pub(super) mod origin;
mod requests;
mod secure;
#[cfg(test)]
mod secured;
pub(super) mod server;
pub(super) mod slots;
pub(super) mod socket;
pub(super) mod tls;
pub(super) mod upgrade;
