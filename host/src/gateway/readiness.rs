//! Whether a node is ready for work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::admin::{NodeHealth, Trouble};

/// Says whether a node has loaded its plugins, or given them their time, so that it
/// takes events, and whether its parts work; cloning shares it.
#[derive(Clone, Default)]
pub struct Readiness {
    loaded: Arc<AtomicBool>,
    health: Option<Arc<dyn NodeHealth>>,
}

impl Readiness {
    /// Of a node whose parts may fail.
    #[must_use]
    pub fn of(health: Arc<dyn NodeHealth>) -> Self {
        Self {
            loaded: Arc::default(),
            health: Some(health),
        }
    }

    /// The plugins were loaded, have failed to or have had their time: the node takes
    /// traffic.
    pub fn plugins_loaded(&self) {
        self.loaded.store(true, Ordering::Release);
    }

    /// Whether the node takes traffic.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// What keeps the node from doing all of its work.
    #[must_use]
    pub fn troubles(&self) -> Vec<Trouble> {
        self.health
            .as_ref()
            .map_or_else(Vec::new, |health| health.troubles())
    }
}
