//! How far the indexes of a channel are, and the task that brings them on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::rows::IndexId;

/// How far the indexes of a channel are.
#[derive(Debug, Default)]
pub(in crate::channel) struct Indexer(Mutex<Option<Following>>);

/// What follows the log now.
#[derive(Debug)]
struct Following {
    /// Which indexes it writes.
    ids: BTreeSet<IndexId>,
    /// Number up to which all indexes have the log, by the task that follows it now.
    reached: Arc<watch::Sender<u64>>,
    /// Ends that task.
    _stop: DropGuard,
}

impl Indexer {
    /// Tells how far an index has got; nothing of one that is not followed.
    pub(super) fn reached(&self, id: &IndexId) -> Option<watch::Receiver<u64>> {
        let following = self.lock();
        let following = following.as_ref()?;
        let is_followed = following.ids.contains(id);
        is_followed.then(|| following.reached.subscribe())
    }

    /// Whether anything was ever followed.
    pub(super) fn is_used(&self) -> bool {
        self.lock().is_some()
    }

    /// Ends the task that has followed the log until now. The next writes the indexes `ids`, is
    /// ended by `stop`, and tells how far it is by what is returned.
    pub(super) fn replace(
        &self,
        ids: BTreeSet<IndexId>,
        stop: CancellationToken,
    ) -> Arc<watch::Sender<u64>> {
        // Of its own, so that the one before does not speak for it.
        let reached: Arc<watch::Sender<u64>> = Arc::default();
        *self.lock() = Some(Following {
            ids,
            reached: Arc::clone(&reached),
            _stop: stop.drop_guard(),
        });
        reached
    }

    fn lock(&self) -> MutexGuard<'_, Option<Following>> {
        // Only replaced as a whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
