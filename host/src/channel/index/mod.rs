//! Finding events by a field of their data.
//!
//! | file | what it is |
//! | --- | --- |
//! | `indexer` | how far a channel's indexes are |
//! | `rows` | how an index lies in the cells beside the log |
//! | `follow` | the task that reads the log and writes the rows, and drops those of events that are not kept any more |
//! | `find` | what is asked |
//!
//! An index is behind the log by what its task has not read yet: whoever asks waits until
//! it has all that the log had when it was asked. What is lost of it in a crash is read
//! again, since rows and position are written together.

mod find;
mod follow;
mod indexer;
mod rows;

pub use find::{CurrentIndex, IndexFailure, IndexedPage};
pub(super) use indexer::Indexer;
