//! What the storage says when it fails.

use std::fmt;
use std::sync::Arc;

/// The storage failed, or is closed: what it said, with the file that it concerns, for an
/// operator to read.
#[derive(Clone, PartialEq, Eq)]
pub struct StorageFault(Arc<str>);

impl StorageFault {
    /// A fault that is told by `text`.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The storage is closed.
    #[must_use]
    pub fn closed() -> Self {
        Self::new("the channels are closed: the node is stopping")
    }
}

impl fmt::Display for StorageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StorageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::error::Error for StorageFault {}
