//! Which room of the sources knows which.
//!
//! An **arrow** goes from a file to the file that *defines* what it uses, by a `use`
//! line or by a path in its code. `mod` and `pub use` make none: who uses a name that
//! is passed on has an arrow to where the name comes from. Tests make none either
//! (`#[cfg(test)]`, files `tests.rs`, folders `tests/`).
//!
//! Only what is named is seen: a method that is called on a value makes no arrow, nor
//! does a name that a macro puts together.
//!
//! - [`tree`] reads the files of a crate, from its `lib.rs` on, into modules;
//!   [`parse`] takes one file apart, and [`uses`] its `use` lines.
//! - [`resolve`] finds what a path means, and [`arrows`] walks all code for paths.
//! - [`circles`] finds the files that know each other.
//! - [`rooms`] reads the table of rooms in the docs of a module, which says what
//!   each may know; [`check`] holds the arrows against it.
//! - [`lengths`] finds files that are too long, and [`checkout`] reads from disk.

pub mod arrows;
pub mod check;
pub mod checkout;
pub mod circles;
pub mod lengths;
pub mod parse;
pub mod resolve;
pub mod rooms;
pub mod tree;
pub mod uses;
