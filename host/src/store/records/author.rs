//! Who changes records, and telling everybody of it.

use std::sync::Arc;

use super::change::Announcement;
use crate::bus::Publisher;
use crate::event::host_event::RecordChanged;

/// Who changes records.
#[derive(Debug)]
pub(in crate::store) struct Author {
    pub(in crate::store) plugin: Arc<str>,
    /// Of its own for each plugin: where one changes so much that listeners cannot
    /// follow, it displaces its own announcements and nobody else's.
    pub(super) publisher: Publisher,
}

impl Author {
    /// Says what was changed.
    pub(in crate::store) fn announce(
        &self,
        bucket: &str,
        Announcement { kind, key }: Announcement,
    ) {
        let data = RecordChanged {
            bucket: bucket.to_owned(),
            key,
            plugin: self.plugin.as_ref().to_owned(),
        };
        self.publisher.publish_host(kind, &data.key, &data);
    }
}
