//! Whose events were dropped since that was last reported.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::registration::Registration;

/// Receivers with drops to report. Each is listed at most once, so the list is
/// as bounded as the receivers are.
#[derive(Default)]
pub(super) struct Drops {
    pending: Mutex<Vec<Arc<Registration>>>,
    noted: Notify,
}

impl Drops {
    /// Lists a receiver that had nothing to report before.
    pub(super) fn note(&self, registration: &Arc<Registration>) {
        self.lock().push(Arc::clone(registration));
        self.noted.notify_one();
    }

    /// Returns when some are listed.
    pub(super) async fn noted(&self) {
        self.noted.notified().await;
    }

    /// Those that are listed, for whom from now on any drop is the first again.
    pub(super) fn take(&self) -> Vec<Arc<Registration>> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Registration>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
