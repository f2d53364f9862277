//! WebSocket (RFC 6455) from a server's side: what a client's bytes mean, and the frames
//! that a server sends, which are not masked, so that the same bytes are for everyone.
//! No extensions.

mod close;
mod decoder;
mod frame;
mod handshake;
mod head;
mod mask;
mod utf8;

pub use close::{Close, MAX_REASON_BYTES, Violation, close_frame};
pub use decoder::{Decoder, Message};
pub use frame::{Header, MAX_HEADER_BYTES, Opcode, frame, header};
pub use handshake::accept_key;

#[cfg(test)]
mod tests;
