//! What a connection holds for as long as it speaks HTTP.

use tokio::sync::OwnedSemaphorePermit;

use super::slots::Share;

/// A connection's place among all, and among those of its address unless that is a trusted
/// proxy.
#[derive(Debug)]
pub(super) struct Admitted {
    _permit: OwnedSemaphorePermit,
    _share: Option<Share>,
}

impl Admitted {
    pub(super) fn new(permit: OwnedSemaphorePermit, share: Option<Share>) -> Self {
        Self {
            _permit: permit,
            _share: share,
        }
    }
}
