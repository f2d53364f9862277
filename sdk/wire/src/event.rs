//! One event.
//!
//! All integers are little-endian.
//!
//! ```text
//!  0  u32  length of the whole event
//!  4  u8   number of this layout, 1
//!  5  u8   flags: 1 distributed, 2 has data, 4 has a sequence
//!  6  u16  bytes of type
//!  8  u64  recorded time, milliseconds since the Unix epoch
//! 16  u64  sequence within the channel
//! 24  u16  bytes of id, source, subject, datacontenttype, origin, channel,
//!          traceparent, tracestate (0 where absent), in this order
//! 40  u32  bytes of extensions
//! 44  u32  bytes of data
//! 48       type, the eight attributes, extensions, data
//! ```
//!
//! # Layouts
//! The version of a listener's package says which layout its frames have: that of
//! `hearken:plugin@0.1.0` and `@0.2.0` is layout 1, which never changes again. What
//! an event may have beyond it travels as extensions, which every reader of the
//! layout passes on whether it knows them or not. A layout 2 would belong to a later
//! version of the package; listeners of the ones before would get their events
//! encoded anew, in theirs.
//!
//! Two attributes of producers travel as extensions under names of their own, because
//! the layout has taken theirs for what the node of origin says: [`PRODUCER_TIME`] and
//! [`PRODUCER_SEQUENCE`]. [`encode`] and [`EventRef`] translate them.

mod encode;
mod fields;
mod layout;
mod place;
mod read;

pub use encode::{Encoder, Renewed, encode};
pub use fields::{Attribute, Fields};
pub use layout::{LAYOUT, PRODUCER_SEQUENCE, PRODUCER_TIME};
pub use place::place;
pub use read::{EventRef, Malformed};

#[cfg(test)]
pub(crate) mod tests;
