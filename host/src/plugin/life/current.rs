//! The version of a plugin that is in force, and what it is doing.

use std::sync::Arc;

use tokio::time::Instant;

use super::listener::{Listener, narrow};
use crate::config::{Bounds, Rights};
use crate::plugin::run::instance::Version;
use crate::plugin::run::mailbox::PluginMailbox;
use crate::plugin::run::running::RunningVersion;
use crate::plugin::run::slot::InstanceSlot;

/// The version in force.
pub(super) struct Current {
    /// What the node's policy said of the plugin when it was loaded.
    pub(super) bounds: Bounds,
    /// By what of it the mailbox has its filters.
    heard_by: Bounds,
    /// What it listens to, as far as it might when it was loaded.
    listeners: Vec<Listener>,
    pub(super) version: Arc<Version>,
    pub(super) mailbox: Arc<PluginMailbox>,
    pub(super) work: Work,
}

pub(super) enum Work {
    Running(RunningVersion),
    Paused(Vec<InstanceSlot>),
    Quarantined(Vec<InstanceSlot>, Instant),
}

impl Current {
    /// A version that was loaded when the policy said `bounds`, and whose mailbox has the
    /// filters of its listeners.
    pub(super) fn new(
        version: Arc<Version>,
        bounds: Bounds,
        listeners: Vec<Listener>,
        mailbox: Arc<PluginMailbox>,
        work: Work,
    ) -> Self {
        Self {
            heard_by: bounds.clone(),
            bounds,
            listeners,
            version,
            mailbox,
            work,
        }
    }

    /// Until another version has taken over, nothing more comes or waits than the plugin may
    /// hear by what the policy says now: that version may take long to start.
    pub(super) fn hear_within(&mut self, bounds: Bounds) {
        if self.heard_by == bounds {
            return;
        }
        let rights = Rights::of(&self.version.manifest, &bounds);
        let (heard, _) = narrow(self.listeners.clone(), &rights);
        let filters = heard.into_iter().map(|listener| listener.filter);
        self.mailbox.set_filters(filters.collect());
        self.heard_by = bounds;
    }
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
