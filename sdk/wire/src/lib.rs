//! The one encoding of an event, made when it is published; everything
//! downstream copies its bytes or reads them in place.
//!
//! - [`encode`] packs the [`Fields`] of an event, [`EventRef`] reads it; an
//!   [`Encoder`] packs one after the other at less cost; [`place`] gives an encoded event
//!   its number in a log.
//! - [`frame`] strings events together for a guest that takes many a call.
//!
//! A crate of its own, because the host writes the encoding and guests read it.

mod event;
mod extension;
pub mod frame;

pub use event::{
    Attribute, Encoder, EventRef, Fields, LAYOUT, Malformed, PRODUCER_SEQUENCE, PRODUCER_TIME,
    Renewed, encode, place,
};
pub use extension::{ExtensionKind, Extensions};
