//! What a node knows and wants to know of presence on others.

use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::holding::Holding;
use super::wanting::Wanting;
use super::watchers::Watchers;

/// What a node knows and wants to know of presence on others.
#[derive(Debug, Default)]
pub(in crate::session::across) struct PresenceAcross {
    wanting: Mutex<Wanting>,
    watchers: Mutex<Watchers>,
    holding: Mutex<Holding>,
    /// Tells that a node has told something that was waited for.
    pub(super) told: Notify,
    /// Whether somebody looks after it, which is from when another node is there.
    pub(super) is_kept: AtomicBool,
}

impl PresenceAcross {
    pub(super) fn wanting(&self) -> MutexGuard<'_, Wanting> {
        // Nothing in there panics half-way, nor in the others.
        self.wanting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn watchers(&self) -> MutexGuard<'_, Watchers> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn holding(&self) -> MutexGuard<'_, Holding> {
        self.holding.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
