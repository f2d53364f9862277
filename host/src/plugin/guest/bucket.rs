//! A key-value bucket that a guest has opened.

use std::sync::Arc;

/// An open bucket.
#[derive(Debug)]
pub struct Bucket {
    pub(crate) name: Arc<str>,
}
