//! What channels are set to of which no namespace says anything.

use std::sync::Arc;

use super::namespace::{DEFAULT_NAMESPACE, Namespace};

/// What the channels are set to of which no namespace says anything. Their names are those of
/// no namespace.
#[derive(Debug)]
pub(super) struct Reserved {
    /// Durable channels that are declared.
    pub(super) declared: Arc<Namespace>,
    /// Those that show events which are published elsewhere.
    pub(super) watched: Arc<Namespace>,
}

impl Reserved {
    pub(super) fn new() -> Self {
        let declared = Namespace {
            durable: true,
            event_type: Namespace::published_type(DEFAULT_NAMESPACE),
            ..Namespace::new("(declared)")
        };
        Self {
            declared: Arc::new(declared),
            watched: Arc::new(Namespace::new("(watched)")),
        }
    }
}
