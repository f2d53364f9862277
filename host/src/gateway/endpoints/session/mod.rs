//! Sessions: what their transports send and get, translated into commands and frames of the
//! room `session`.
//!
//! - `web_socket` is the route that clients upgrade on, `conversation` what is spoken then.
//! - `off` refuses where sessions are off.

mod conversation;
mod off;
pub(in crate::gateway) mod web_socket;

#[cfg(test)]
mod tests;
