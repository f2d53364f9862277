//! The version of a plugin that is in force, and what it is doing.

use std::sync::Arc;

use tokio::time::Instant;

use crate::config::Allow;
use crate::plugin::run::instance::Version;
use crate::plugin::run::mailbox::PluginMailbox;
use crate::plugin::run::running::RunningVersion;
use crate::plugin::run::slot::InstanceSlot;

/// The version in force.
pub(super) struct Current {
    /// What the node's policy said of the plugin when it was loaded.
    pub(super) bounds: Allow,
    pub(super) version: Arc<Version>,
    pub(super) mailbox: Arc<PluginMailbox>,
    pub(super) work: Work,
}

pub(super) enum Work {
    Running(RunningVersion),
    Paused(Vec<InstanceSlot>),
    Quarantined(Vec<InstanceSlot>, Instant),
}

impl Work {
    /// Ends it, and gives back the slots of the instances.
    pub(super) async fn end(self) -> Vec<InstanceSlot> {
        match self {
            Self::Running(running) => running.end().await,
            Self::Paused(slots) | Self::Quarantined(slots, _) => slots,
        }
    }
}

/// Waits until the plugin goes into quarantine, or its pause there is over. Holds on to
/// nothing of the instances, which cannot be looked at from several threads.
pub(super) fn quarantine_turns(
    current: Option<&Current>,
) -> impl Future<Output = ()> + Send + use<> {
    let (begins, ends) = match current.map(|current| &current.work) {
        Some(Work::Running(running)) => (Some(running.quarantined()), None),
        Some(Work::Quarantined(_, until)) => (None, Some(*until)),
        Some(Work::Paused(_)) | None => (None, None),
    };
    async move {
        match (begins, ends) {
            (Some(begins), _) => begins.await,
            (None, Some(until)) => tokio::time::sleep_until(until).await,
            (None, None) => std::future::pending().await,
        }
    }
}
