//! What a plugin listens to.

use crate::admin::ListenerStatus;
use crate::bus::Filter;

/// A listener: its name and what it wants.
pub(crate) struct Listener {
    pub(crate) name: String,
    pub(crate) filter: Filter,
}

impl Listener {
    /// As operators see it.
    pub(crate) fn status(&self) -> ListenerStatus {
        let filter = &self.filter;
        ListenerStatus {
            name: self.name.clone(),
            pattern: filter.pattern.as_str().to_owned(),
            subject: filter.subject.as_deref().map(str::to_owned),
            channel: filter.channel.as_deref().map(str::to_owned),
            local_only: filter.local_only,
        }
    }
}
