//! What can go wrong with the store.

use std::sync::Arc;
use std::time::Duration;

use super::records::limits::{
    MAX_BUCKET_BYTES, MAX_CHANGE_BYTES, MAX_KEY_BYTES, MAX_KEYS_READ, MAX_READ_BYTES,
    MAX_VALUE_BYTES, RECORD_OVERHEAD_BYTES,
};

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, or what is on it.
    #[error("{0}")]
    Open(String),
    /// The system refuses a thread.
    #[error("cannot start its thread: {0}")]
    Thread(std::io::Error),
}

/// Why an operation on records failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The key is empty or too long.
    #[error("a key has 1 to {MAX_KEY_BYTES} bytes; this one has {0}")]
    Key(usize),
    /// The key has a character that nobody could read in a log.
    #[error("a key has no control characters; this one has U+{:04X}", u32::from(*.0))]
    KeyCharacter(char),
    /// The value is too long.
    #[error("a value has at most {MAX_VALUE_BYTES} bytes; this one has {0}")]
    Value(usize),
    /// The records of one change are too long together.
    #[error(
        "the keys and values of one change have at most {MAX_CHANGE_BYTES} bytes together; these have {0}; change fewer at once"
    )]
    Change(usize),
    /// The values asked for at once are too long together.
    #[error(
        "the values of these keys have more than {MAX_READ_BYTES} bytes together; ask for fewer keys at once"
    )]
    Read,
    /// Too many values are asked for at once.
    #[error("one call reads the values of at most {MAX_KEYS_READ} keys; these are {0}")]
    Keys(usize),
    /// The cursor is not one of those given last.
    #[error(
        "the cursor {0} was not given by this bucket, or too long ago; list the keys from the beginning"
    )]
    Cursor(u64),
    /// The bucket is full.
    #[error(
        "the bucket `{0}` is full: it may hold {MAX_BUCKET_BYTES} bytes of keys and values, and {RECORD_OVERHEAD_BYTES} bytes are added for each record"
    )]
    Full(Arc<str>),
    /// The value is not a number that `increment` could change.
    #[error("the value of `{0}` is not a decimal number below 2^64, or would grow beyond")]
    NotANumber(String),
    /// Too many changes of all plugins are waiting.
    #[error("too many changes are waiting for the key-value store; try again later")]
    Busy,
    /// The store was too slow.
    #[error(
        "the key-value store did not answer within {}; a change may still be made",
        humantime::format_duration(*.0)
    )]
    Slow(Duration),
    /// The store itself failed. A change that was under way is made or not made, as a
    /// whole; who must know reads.
    #[error("the key-value store failed: {0}; the node opens it again until it works")]
    Store(Arc<str>),
    /// The node stops.
    #[error("the node is stopping")]
    Stopping,
}
