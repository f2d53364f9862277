//! What differs between one publication's data and the next one's, in the format of the
//! version control system Fossil: copies of parts of what was before, and what is new.
//!
//! A delta begins with the size of what it makes and an end of line, then come copies
//! (`SIZE@OFFSET,`) and inserts (`SIZE:BYTES`), and at last `CHECKSUM;`. Numbers are written
//! with 64 digits. [Its documentation] has more.
//!
//! To clients that speak JSON a delta is a string of JSON, so that it has to be text, and
//! nothing may be cut within a character.
//!
//! [Its documentation]: https://fossil-scm.org/home/doc/trunk/www/delta_format.wiki

mod apply;
mod checksum;
mod create;
mod integer;

pub use apply::{DeltaError, apply};
pub use create::create;

/// The name of the format in the protocol.
pub const FOSSIL: &str = "fossil";

#[cfg(test)]
mod tests;
