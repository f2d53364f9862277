//! Outgoing HTTP of plugins: whether a request may leave the node, where to, and how many.
//!
//! `hooks.rs` decides about each request of an instance. `connector.rs` finds the addresses
//! of its host, of which `addresses.rs` tells whether anybody may go there, and connects to
//! one that it has checked; `exchange.rs` sends the request over that. `traffic.rs` is what
//! all instances of a plugin share: `connections.rs`, `budget.rs` and `requests.rs`, which
//! bound and count.

mod addresses;
mod budget;
mod connections;
pub(crate) mod connector;
mod exchange;
pub(crate) mod hooks;
mod metered;
mod requests;
pub(crate) mod traffic;

#[cfg(test)]
mod tests;
