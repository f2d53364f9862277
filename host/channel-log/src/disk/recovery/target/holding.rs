//! What a full disk has no room for at a start: it stays in the journal, and in memory, until
//! the filer finds room for it.

use std::io;

use super::Target;
use crate::disk::channel::Recent;
use crate::disk::device::is_full;

/// Batches that lie in no segment, oldest first.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) batches: Vec<Recent>,
    bytes: usize,
}

impl Target {
    /// Whether the disk was full when something was to be written to its segments.
    pub(in crate::disk::recovery) fn holds(&self) -> bool {
        !self.held.batches.is_empty()
    }

    /// Bytes of the batches that are held in memory.
    pub(in crate::disk::recovery) fn held_bytes(&self) -> usize {
        self.held.bytes
    }

    /// The last event that lies in segments, or was lost behind them, and when it was
    /// recorded.
    pub(super) fn in_segments(&self) -> (u64, u64) {
        if self.holds() {
            return self.written;
        }
        (self.row.progress.last, self.row.progress.time)
    }

    /// Whether what could not be written may stay in the journal.
    pub(super) fn may_hold(&self, error: &io::Error) -> bool {
        is_full(error) && !self.is_new
    }

    /// Holds batches, and whatever comes behind them.
    pub(super) fn hold(&mut self, batches: impl Iterator<Item = Recent>) {
        for batch in batches {
            self.held.bytes += batch.bytes();
            self.held.batches.push(batch);
        }
    }
}

/// A sync that found no room may have lost what was written, so that unlike a write it is
/// not to be tried again.
pub(super) fn synced(result: io::Result<()>) -> io::Result<()> {
    result.map_err(|error| {
        if is_full(&error) {
            io::Error::other(error.to_string())
        } else {
            error
        }
    })
}
