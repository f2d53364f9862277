//! What can be asked of a plugin's supervisor.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, oneshot};

use crate::admin::{PluginCommandError, PluginStatus, ReplayRequest};

/// Who is told what became of a command.
pub(crate) type Reply = oneshot::Sender<Result<PluginStatus, PluginCommandError>>;

/// What can be asked of a plugin.
pub(crate) enum Command {
    /// Load its files again, changed or not.
    Reload(Reply),
    Pause(Reply),
    Resume(Reply),
    /// Hand it events of a channel again.
    Replay(ReplayRequest, Reply),
    /// Hand it no more of them.
    EndReplay(Reply),
    /// The node drains.
    Stop,
}

/// What a plugin is asked for.
pub(crate) struct Requests {
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) files_changed: Arc<Notify>,
    /// Told when the first attempt to load is over.
    pub(crate) loaded: Option<oneshot::Sender<()>>,
}
