//! The supervisor of one plugin: carries out, one after the other, what its
//! files and its operators ask for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{Notify, mpsc, oneshot};

use super::instance::Version;
use super::load::{Files, Fingerprint, LoadError, Source, Staged};
use super::retry::Retry;
use super::runtime::Runtime;
use super::shared::Shared;
use super::worker::{Desk, Shift};
use crate::admin::{PluginCommandError, PluginState, PluginStatus};
use crate::bus::{MailboxLimits, Receiver, ReceiverKind, Subscription};
use crate::config::PluginLimits;
use crate::event::host_event::HostEventType;

pub(super) type Reply = oneshot::Sender<Result<PluginStatus, PluginCommandError>>;

/// What can be asked of a plugin.
pub(super) enum Command {
    /// Load its files again, changed or not.
    Reload(Reply),
    Pause(Reply),
    Resume(Reply),
    /// The node drains.
    Stop,
}

pub(super) struct Supervisor {
    files: Files,
    defaults: PluginLimits,
    runtime: Arc<Runtime>,
    shared: Arc<Shared>,
    /// What was last loaded, or last failed to.
    tried: Option<Fingerprint>,
    retry: Retry,
    current: Option<Current>,
}

/// The version in force.
struct Current {
    version: Arc<Version>,
    receiver: Arc<Receiver>,
    work: Work,
}

enum Work {
    Running(Shift),
    Paused(Vec<Desk>),
}

impl Supervisor {
    pub(super) fn new(
        files: Files,
        defaults: PluginLimits,
        runtime: Arc<Runtime>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            files,
            defaults,
            runtime,
            shared,
            tried: None,
            retry: Retry::default(),
            current: None,
        }
    }

    /// Loads the plugin and serves commands until its component is removed or
    /// the node drains. `loaded` is told when the first attempt to load is over.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        files_changed: Arc<Notify>,
        loaded: oneshot::Sender<()>,
    ) {
        self.shared.announce(HostEventType::PluginInstalled);
        let mut installed = self.files_changed(&files_changed).await;
        // Nobody waits when the plugin was dropped into a running node.
        let _ = loaded.send(());
        while installed {
            let command = tokio::select! {
                () = files_changed.notified() => {
                    installed = self.files_changed(&files_changed).await;
                    continue;
                }
                () = self.retry.due() => {
                    installed = self.files_changed(&files_changed).await;
                    continue;
                }
                command = commands.recv() => command,
            };
            match command {
                Some(Command::Reload(reply)) => {
                    let result = self.reload().await;
                    self.answer(reply, result);
                }
                Some(Command::Pause(reply)) => {
                    let result = self.pause().await;
                    self.answer(reply, result);
                }
                Some(Command::Resume(reply)) => {
                    let result = self.resume().await;
                    self.answer(reply, result);
                }
                Some(Command::Stop) | None => return self.stop().await,
            }
        }
        self.stop().await;
        self.shared.announce(HostEventType::PluginRemoved);
    }

    fn answer(&self, reply: Reply, result: Result<(), String>) {
        // Whoever asked may have gone.
        let _ = reply.send(match result {
            Ok(()) => Ok(self.shared.status()),
            Err(reason) => Err(PluginCommandError::Failed(reason)),
        });
    }

    /// Looks at the files again, and once more as soon as they change: what is being
    /// compiled by then is given up. Returns whether there still is a component.
    async fn files_changed(&mut self, changed: &Notify) -> bool {
        // What could not be read looks as it did then.
        let mut even_if_unchanged = self.retry.is_pending();
        let staged = loop {
            tokio::select! {
                staged = self.stage(even_if_unchanged) => break staged,
                () = changed.notified() => even_if_unchanged = true,
            }
        };
        match staged {
            Ok(staged) => self.loaded(staged).await,
            Err(error) if error.is_removal() => return false,
            Err(error) => {
                if self.retry.after(&error, self.tried.as_ref()) {
                    self.report(error);
                }
            }
        }
        true
    }

    /// Lets a new version take over, if there is one.
    async fn loaded(&mut self, staged: Option<Staged>) {
        self.retry.end();
        if let Some(staged) = staged {
            self.take_over(staged).await;
        }
    }

    async fn reload(&mut self) -> Result<(), String> {
        match self.stage(true).await {
            Ok(staged) => {
                self.loaded(staged).await;
                Ok(())
            }
            Err(error) => {
                let reason = error.to_string();
                // Whoever has asked is told at once, and the files are looked at again
                // as they are without being asked.
                self.retry.after(&error, self.tried.as_ref());
                self.report(error);
                Err(reason)
            }
        }
    }

    fn report(&self, error: LoadError) {
        self.shared.report_failure(None, &error.into_death());
        if self.current.is_none() {
            self.shared.set_state(PluginState::Failed);
        }
    }

    /// Makes a version of the files, unless they are as they were. Dropping the future
    /// gives up what it has begun.
    async fn stage(&mut self, even_if_unchanged: bool) -> Result<Option<Staged>, LoadError> {
        let runtime = Arc::clone(&self.runtime);
        let room = runtime.room_to_load().await;
        let files = self.files.clone();
        let source = tokio::task::spawn_blocking(move || Source::read(&files))
            .await
            .expect("reading files does not panic")?;
        if !even_if_unchanged && self.tried.as_ref() == Some(&source.fingerprint) {
            return Ok(None);
        }
        self.tried = Some(source.fingerprint.clone());
        if self.current.is_none() {
            self.shared.set_state(PluginState::Loading);
        }
        let context = &self.shared.context;
        let staged = source
            .stage(room, &self.files, context, &self.defaults, &self.runtime)
            .await?;
        Ok(Some(staged))
    }

    /// Puts a new version in the place of the running one: that one finishes the
    /// event in hand, and the mailbox stays.
    async fn take_over(&mut self, staged: Staged) {
        let Staged {
            version,
            label,
            listeners,
            desks,
        } = staged;
        let limits = MailboxLimits {
            events: version.limits.mailbox,
            bytes: version.limits.mailbox_bytes,
        };
        let overflow = version.limits.overflow;
        let filters = listeners
            .iter()
            .map(|listener| listener.filter.clone())
            .collect();
        let (receiver, paused, announcement) = match self.current.take() {
            None => {
                let receiver = Arc::new(self.runtime.bus.subscribe(Subscription {
                    name: Arc::clone(&self.shared.context.name),
                    kind: ReceiverKind::Plugin,
                    filters,
                    limits,
                    overflow,
                    lanes: desks.len(),
                }));
                let receiver = Arc::clone(self.shared.receiver.get_or_init(|| receiver));
                (receiver, false, HostEventType::PluginStarted)
            }
            Some(Current { receiver, work, .. }) => {
                let paused = matches!(work, Work::Paused(_));
                work.end().await;
                // First, so that unwanted events leave their room to wanted ones.
                let discarded = receiver.set_filters(filters);
                if discarded > 0 {
                    let plugin = self.shared.name();
                    tracing::info!(
                        plugin,
                        discarded,
                        "waiting events were discarded: the new version does not listen to them"
                    );
                }
                receiver.reconfigure(limits, overflow, desks.len());
                (receiver, paused, HostEventType::PluginReloaded)
            }
        };
        self.shared.show_version(&version, &label, &listeners);
        self.shared.deaths_in_a_row.store(0, Ordering::Relaxed);
        let work = Work::Paused(desks);
        self.current = Some(Current {
            version,
            receiver,
            work,
        });
        if !paused {
            self.start().await;
        }
        self.shared.announce(announcement);
    }

    async fn start(&mut self) {
        let Some(current) = &mut self.current else {
            return;
        };
        let desks = std::mem::replace(&mut current.work, Work::Paused(Vec::new()))
            .end()
            .await;
        self.shared.set_state(PluginState::Running);
        current.work = Work::Running(Shift::start(
            &self.runtime.executor,
            &current.version,
            &self.shared,
            &current.receiver,
            desks,
        ));
    }

    async fn pause(&mut self) -> Result<(), String> {
        let current = self
            .current
            .as_mut()
            .ok_or("no version of the plugin has been loaded")?;
        let desks = std::mem::replace(&mut current.work, Work::Paused(Vec::new()))
            .end()
            .await;
        current.work = Work::Paused(desks);
        self.shared.set_state(PluginState::Paused);
        Ok(())
    }

    async fn resume(&mut self) -> Result<(), String> {
        if self.current.is_none() {
            return Err(
                "no version of the plugin has been loaded; replace its file or reload it"
                    .to_owned(),
            );
        }
        if matches!(
            self.shared.state(),
            PluginState::Paused | PluginState::Quarantined
        ) {
            self.shared.deaths_in_a_row.store(0, Ordering::Relaxed);
            self.start().await;
        }
        Ok(())
    }

    async fn stop(&mut self) {
        let Some(current) = self.current.take() else {
            return;
        };
        current.work.end().await;
        let unhandled = current.receiver.set_filters(Vec::new());
        if unhandled > 0 {
            let plugin = self.shared.name();
            tracing::warn!(plugin, unhandled, "stopped with events in its mailbox");
        }
        self.shared.announce(HostEventType::PluginStopped);
    }
}

impl Work {
    async fn end(self) -> Vec<Desk> {
        match self {
            Self::Running(shift) => shift.end().await,
            Self::Paused(desks) => desks,
        }
    }
}
