//! How far the indexes of a channel are, and the task that brings them on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::rows::IndexId;

/// How far the indexes of a channel are.
#[derive(Debug, Default)]
pub(in crate::channel) struct Indexer(Mutex<Following>);

/// What follows the log now.
#[derive(Debug, Default)]
struct Following {
    /// Which indexes it writes.
    ids: BTreeSet<IndexId>,
    /// Number up to which all indexes have the log, by the task that follows it now.
    reached: Arc<watch::Sender<u64>>,
    /// Ends that task.
    stop: Option<DropGuard>,
}

impl Indexer {
    /// Tells how far an index has got; nothing of one that is not followed.
    pub(super) fn reached(&self, id: &IndexId) -> Option<watch::Receiver<u64>> {
        let following = self.lock();
        let is_followed = following.ids.contains(id);
        is_followed.then(|| following.reached.subscribe())
    }

    /// Ends the task that has followed the log until now. The next writes the indexes `ids`, is
    /// ended by `stop`, and tells how far it is by what is returned, beside whether there was
    /// one before.
    pub(super) fn replace(
        &self,
        ids: BTreeSet<IndexId>,
        stop: CancellationToken,
    ) -> (Arc<watch::Sender<u64>>, bool) {
        let mut following = self.lock();
        let had_one = following.stop.is_some();
        // Of its own, so that the one before does not speak for it.
        *following = Following {
            ids,
            reached: Arc::default(),
            stop: Some(stop.drop_guard()),
        };
        (Arc::clone(&following.reached), had_one)
    }

    fn lock(&self) -> MutexGuard<'_, Following> {
        // Only replaced as a whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
