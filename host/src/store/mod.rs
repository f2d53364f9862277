//! The node's embedded database: one file in the data folder, and in it the buckets
//! of records that plugins keep.
//!
//! | file | what it is |
//! | --- | --- |
//! | `tables` | the names of its tables, and their types |
//! | `records/` | what a plugin may do with buckets: [`Records`] |
//! | `queue`, `fair` | the changes that wait, and whose turn is next |
//! | `writer` | the one writer: commits what waits in groups, opens a database again that failed |
//! | `state` | what the writer and those who ask it share; reading |
//! | `handle` | opening and closing: [`Store`] |
//! | `health` | whether the store works, as operators are told |
//! | `disk` | what the database lies on |
//! | `error` | what can go wrong: [`StoreError`], [`RecordError`] |
//!
//! All changes go through one writer, which takes what waits, a call of each plugin in
//! turn, and commits it in one transaction with one sync. Reads see what was last
//! committed and wait for no writer. The store speaks by `record.*` events alone, which
//! the writer publishes once what they tell is on disk.
//!
//! A new kind of content is a table in `tables` and a folder beside `records/`.

mod disk;
mod error;
mod fair;
mod handle;
mod health;
mod queue;
mod records;
mod state;
mod tables;
mod writer;

pub use disk::Disk;
pub use error::{RecordError, StoreError};
pub use handle::Store;
pub use records::{Page, Records};

#[cfg(test)]
mod tests;
