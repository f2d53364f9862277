//! The settings that hold at the moment.

use std::sync::Arc;

use super::namespaces::Namespaces;
use super::registry::Bounds;
use super::settings::SessionsSettings;

/// What is configured, and what is made of it.
#[derive(Clone, Debug)]
pub(super) struct InUse {
    pub(super) settings: Arc<SessionsSettings>,
    pub(super) namespaces: Namespaces,
    pub(super) bounds: Bounds,
}

impl InUse {
    pub(super) fn new(settings: SessionsSettings, namespaces: Namespaces) -> Self {
        Self {
            bounds: Bounds {
                max: settings.max,
                per_user: settings.per_user,
                per_address: settings.per_address,
            },
            settings: Arc::new(settings),
            namespaces,
        }
    }
}
