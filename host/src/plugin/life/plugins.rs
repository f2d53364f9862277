//! All plugins of a node, as the gateway sees and commands them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_util::task::TaskTracker;

use super::entry::Entry;
use super::requests::{Command, Reply};
use crate::admin::{CommandFuture, PluginAdmin, PluginCommandError, PluginStatus, ReplayRequest};
use crate::clock::Clock;
use crate::config::{PluginLimits, PluginNamespaces, Policy, QuarantinePauses};
use crate::plugin::run::runtime::Runtime;

/// Shows and commands the plugins of a node; shared with the gateway.
pub struct Plugins {
    pub(super) runtime: Arc<Runtime>,
    pub(super) limits: PluginLimits,
    pub(super) quarantine: QuarantinePauses,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entries: Entries,
    /// The copies that are handed events again.
    pub(super) copies: TaskTracker,
}

/// The plugins, by their names.
pub(super) type Entries = Arc<RwLock<BTreeMap<String, Entry>>>;

impl Plugins {
    pub(super) fn entry(&self, name: &str) -> Option<Entry> {
        self.entries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// Puts another policy in force, at once for whatever a guest asks for from now on. The
    /// plugins of which it says something else are loaded anew, with what they may do now.
    pub fn set_policy(&self, policy: Policy) {
        self.runtime.policy.replace(policy);
        for entry in self.entries() {
            entry.files_changed.notify_one();
        }
    }

    /// The namespaces of session channels that plugins bring now, by the plugins' names.
    #[must_use]
    pub fn namespaces(&self) -> BTreeMap<String, PluginNamespaces> {
        let brought = self.entries().into_iter().map(|entry| {
            let status = entry.status;
            (status.name().to_owned(), status.namespaces())
        });
        brought.filter(|(_, brought)| !brought.is_empty()).collect()
    }

    /// Waits until plugins may bring other namespaces than when this was waited for last; for
    /// one that waits.
    pub async fn namespaces_may_differ(&self) {
        self.runtime.namespaces_may_differ.notified().await;
    }

    async fn command(
        &self,
        name: &str,
        command: impl FnOnce(Reply) -> Command,
    ) -> Result<PluginStatus, PluginCommandError> {
        let not_found = || PluginCommandError::NotFound(name.to_owned());
        let entry = self.entry(name).ok_or_else(not_found)?;
        entry.command(command).await
    }
}

impl PluginAdmin for Plugins {
    fn list(&self) -> Vec<PluginStatus> {
        self.entries()
            .iter()
            .map(|entry| entry.status.view())
            .collect()
    }

    fn get(&self, name: &str) -> Option<PluginStatus> {
        self.entry(name).map(|entry| entry.status.view())
    }

    fn reload<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        Box::pin(self.command(name, Command::Reload))
    }

    fn pause<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        Box::pin(async move {
            let paused = self.command(name, Command::Pause).await?;
            self.end_copy(name);
            Ok(paused)
        })
    }

    fn resume<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        Box::pin(self.command(name, Command::Resume))
    }

    fn replay<'a>(&'a self, name: &'a str, request: ReplayRequest) -> CommandFuture<'a> {
        if request.copy {
            return Box::pin(self.replay_to_copy(name, request));
        }
        Box::pin(self.command(name, move |reply| Command::Replay(request, reply)))
    }

    fn end_replay<'a>(&'a self, name: &'a str) -> CommandFuture<'a> {
        Box::pin(self.stop_replay(name))
    }
}
