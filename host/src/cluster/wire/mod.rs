//! Bytes between nodes: from a socket to two nodes that know each other and have
//! agreed to go together. What they then say to each other is the link's business.
//!
//! - `network` is the seam to sockets, `traffic` watches whether anything comes, and
//!   `http2` is what HTTP/2 is told of a connection.
//! - `dialler` opens streams of frames to other nodes; `acceptor` takes theirs, and
//!   `admission` bounds who may connect. Either way the stream is `opened`.
//! - `channel` is one end of a stream, and `protocol` is what its frames are made of.
//! - `greeting` and `handshake` find out who is at the other end and whether the two go
//!   together; `refused` says why not, `failures` logs it, and `text` makes what strangers
//!   say fit to be shown.

pub(super) mod acceptor;
pub(super) mod admission;
pub(super) mod channel;
pub(super) mod dialler;
pub(super) mod failures;
pub(super) mod greeting;
pub mod handshake;
pub(super) mod http2;
pub mod network;
pub(super) mod opened;
pub mod protocol;
pub(super) mod refused;
mod text;
pub(super) mod traffic;
