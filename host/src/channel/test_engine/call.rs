//! What an engine is asked for, and what becomes of it.

/// What an engine is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Create,
    Change,
    Remove,
    Append,
    Read,
    Since,
    Trim,
    Keep,
    Cell,
    Cells,
    /// Of cells whose first key does not begin with `index`.
    ChangeCells,
    /// Of those of indexes.
    ChangeIndex,
    Verify,
    Repair,
}

/// What becomes of a call.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It hangs for as long as that is so.
    Hangs,
    /// The storage fails it.
    Fails,
}
