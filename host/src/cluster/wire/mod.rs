//! Bytes between nodes: from a socket to two nodes that know each other and have
//! agreed to go together. What they then say to each other is the link's business.
//!
//! - `network` is the seam to sockets; `admission` bounds who may connect, `arrived` is
//!   what they connect with, and `traffic` watches whether anything comes.
//! - `transport` makes streams of frames of connections, `channel` is one of its ends, and
//!   `protocol` is what the frames are made of.
//! - `greeting` and `handshake` find out who is at the other end and whether the two go
//!   together; `complaints` logs why not.

pub(super) mod admission;
pub(super) mod arrived;
pub(super) mod channel;
pub(super) mod complaints;
pub(super) mod greeting;
pub mod handshake;
pub mod network;
pub mod protocol;
pub(super) mod traffic;
pub(super) mod transport;
