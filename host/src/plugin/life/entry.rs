//! One plugin as the node has it: its status, and the way to its supervisor.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};

use super::files::Files;
use super::requests::{Command, Reply};
use super::status::Status;
use crate::admin::{PluginCommandError, PluginState, PluginStatus};

/// Commands that wait for one plugin; more are refused.
pub(super) const COMMANDS: usize = 16;

/// How long an operator's command may take; compiling the largest components
/// takes about ten seconds.
pub(super) const COMMAND_DEADLINE: Duration = Duration::from_secs(120);

/// How often a drain looks whether all events were handled.
const DRAIN_POLL: Duration = Duration::from_millis(5);

/// A plugin of the node.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) status: Arc<Status>,
    pub(super) files: Files,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) files_changed: Arc<Notify>,
}

impl Entry {
    /// Has the supervisor carry out a command.
    ///
    /// # Errors
    /// [`PluginCommandError`] when it cannot be carried out, the plugin is gone, too many
    /// commands wait or this one takes too long.
    pub(super) async fn command(
        &self,
        command: impl FnOnce(Reply) -> Command,
    ) -> Result<PluginStatus, PluginCommandError> {
        let not_found = || PluginCommandError::NotFound(self.status.name().to_owned());
        let (reply, answer) = oneshot::channel();
        self.commands
            .try_send(command(reply))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Closed(_) => not_found(),
                mpsc::error::TrySendError::Full(_) => PluginCommandError::Failed(format!(
                    "{COMMANDS} commands are waiting for this plugin already; try again later"
                )),
            })?;
        match tokio::time::timeout(COMMAND_DEADLINE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(not_found()),
            Err(_) => Err(PluginCommandError::Failed(format!(
                "the plugin took longer than {COMMAND_DEADLINE:?}; the command may still be carried out"
            ))),
        }
    }

    /// Waits until every event was handled, unless nobody handles them.
    pub(super) async fn work_off(&self) {
        loop {
            let status = self.status.view();
            let busy = matches!(status.state, PluginState::Running | PluginState::BackingOff);
            if !busy || status.counters.queued == 0 {
                return;
            }
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }

    /// Asks the supervisor to stop, and waits until it has.
    pub(super) async fn stop(self) {
        if self.commands.send(Command::Stop).await.is_ok() {
            self.commands.closed().await;
        }
    }
}
