//! Small values beside a log: cursors, rows of indexes, what a consumer has to remember.

use bytes::Bytes;

use crate::{ChannelName, StorageFault};

/// Longest key of a cell, in bytes.
pub const MAX_CELL_KEY_BYTES: usize = 1024;

/// Longest value of a cell, in bytes.
pub const MAX_CELL_BYTES: usize = 64 << 10;

/// Most changes that are made at once.
pub const MAX_CELL_CHANGES: usize = 4096;

/// Most cells that are listed at once.
pub const MAX_CELL_ROWS: usize = 4096;

/// What a cell holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its value.
    pub value: Bytes,
    /// A number that is another after each change, and higher, also when the cell was
    /// removed and is there again.
    pub version: u64,
}

/// A cell under its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellRow {
    /// Its key.
    pub key: String,
    /// What it holds.
    pub cell: Cell,
}

/// Which cells are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellRange {
    /// Those whose key begins with this,
    pub prefix: String,
    /// and is behind this, in the order of bytes,
    pub after: Option<String>,
    /// and not more than this, nor [`MAX_CELL_ROWS`].
    pub limit: usize,
}

/// A change of one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellChange {
    /// Its key, 1 to [`MAX_CELL_KEY_BYTES`] bytes.
    pub key: String,
    /// What it shall hold, at most [`MAX_CELL_BYTES`]; nothing removes it.
    pub value: Option<Bytes>,
    /// The version that it must have, 0 when there must be no such cell.
    pub version: Option<u64>,
}

/// Why cells were not changed, or not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CellError {
    /// There is no such channel.
    #[error("there is no channel `{0}`")]
    NoChannel(ChannelName),
    /// The key is empty or too long.
    #[error("the key of a cell has 1 to {MAX_CELL_KEY_BYTES} bytes; this one has {0}")]
    Key(usize),
    /// The value is too long.
    #[error("a cell holds at most {MAX_CELL_BYTES} bytes; these are {0}")]
    Value(usize),
    /// Too many changes at once.
    #[error("at most {MAX_CELL_CHANGES} cells are changed at once; these are {0}")]
    Changes(usize),
    /// A cell has another version.
    #[error("the cell `{key}` has another version than the expected one: {version}")]
    Conflict {
        /// Which cell.
        key: String,
        /// The version that it has, 0 when it is not there.
        version: u64,
    },
    /// Too many changes wait.
    #[error("too many changes of cells are waiting for the disk; try again later")]
    Overloaded,
    /// The storage failed; the change may have been made, as a whole.
    #[error("the cells of channels cannot be used: {0}")]
    Storage(StorageFault),
}

/// Checks what does not depend on what there is.
pub(crate) fn check(changes: &[CellChange]) -> Result<(), CellError> {
    if changes.len() > MAX_CELL_CHANGES {
        return Err(CellError::Changes(changes.len()));
    }
    for change in changes {
        if change.key.is_empty() || change.key.len() > MAX_CELL_KEY_BYTES {
            return Err(CellError::Key(change.key.len()));
        }
        match &change.value {
            Some(value) if value.len() > MAX_CELL_BYTES => {
                return Err(CellError::Value(value.len()));
            }
            _ => {}
        }
    }
    Ok(())
}
