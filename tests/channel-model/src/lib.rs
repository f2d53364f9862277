//! The logs of channels on a simulated disk that fails, held against a model.
//!
//! [`disk`] is a disk in memory that does what disks do at their worst: what was not
//! synced survives a crash in part and in any order, files that were made are not found
//! again, syncs fail and then lie. [`check::run`] lets an engine work on it, from a seed,
//! through crashes also during recovery, and says which promise was broken. What happens
//! follows from the seed alone.

pub mod check;
pub mod disk;
mod model;
mod random;

pub use random::Random;
