//! Whether the parts of a node work that may fail.

use std::sync::Arc;

use crate::admin::{NodeHealth, Trouble};
use crate::channel::Channels;
use crate::event::cloudevent::rfc3339;
use crate::store::Store;

/// The key-value store and the channels.
pub(super) struct Health {
    pub(super) store: Arc<Store>,
    pub(super) channels: Channels,
}

impl NodeHealth for Health {
    fn troubles(&self) -> Vec<Trouble> {
        let mut troubles = self.store.troubles();
        let failure = self.channels.failure();
        troubles.extend(failure.map(|(reason, since)| Trouble {
            part: "the storage of channels".to_owned(),
            reason,
            since: rfc3339(since),
        }));
        troubles
    }
}
